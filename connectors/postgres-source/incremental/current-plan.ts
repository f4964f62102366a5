/** The plan of the table that is being read, with what writes its rows; made anew when the table has changed. */

import type { TableEncoder } from '../envelope/change.ts';
import type { TableShape } from '../row.ts';
import type { ChunkReader } from './chunk-reader.ts';
import type { ReadPlan } from './read-plan.ts';
import type { RequestedRead } from './requested-reads.ts';

export interface Planned {
  readonly number: number;
  readonly plan: ReadPlan;
  readonly encoder: TableEncoder;
}

export interface CurrentPlanOptions {
  readonly reader: ChunkReader;
  encoderOf(shape: TableShape): Promise<TableEncoder>;
}

export class CurrentPlan {
  readonly #options: CurrentPlanOptions;
  #last: Planned | undefined;
  #isValid = false;

  constructor(options: CurrentPlanOptions) {
    this.#options = options;
  }

  /** Undefined where it must be made first. */
  of({ number }: RequestedRead): Planned | undefined {
    return this.#isValid && this.#last?.number === number ? this.#last : undefined;
  }

  /** Answers why there is none. Rejects with `postgres/…`. */
  async make(read: RequestedRead): Promise<{ readonly complaint: string } | undefined> {
    const { reader, encoderOf } = this.#options;
    const plan = await reader.plan(read);
    if ('complaint' in plan) return plan;
    // Compiled once for each form of the table: it says what it leaves out.
    const last = this.#last?.number === read.number ? this.#last : undefined;
    const encoder = last?.plan.fingerprint === plan.fingerprint ? last.encoder : await encoderOf(plan.shape);
    this.#last = { number: read.number, plan, encoder };
    this.#isValid = true;
    return undefined;
  }

  /** The table may have changed. */
  forget(): void {
    this.#isValid = false;
  }
}
