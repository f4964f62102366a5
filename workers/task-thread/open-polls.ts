/** The polls that are written and not committed yet: what to tell the source, and what to count, once they are. */

import type { SourcePosition } from '../../connectors/contract/source.ts';
import { canonicalJson } from '../stores/canonical-json.ts';
import type { BuiltPoll } from './batch-output.ts';

export interface CommittedPolls {
  /** The last of each source partition, in the order they came last. */
  readonly positions: readonly SourcePosition[];
  readonly recordCount: number;
  readonly payloadBytes: number;
}

type WrittenPoll = Pick<BuiltPoll, 'positions' | 'recordCount' | 'payloadBytes' | 'endsTransaction'>;

export class OpenPolls {
  /** Bounded by the source partitions of the task. */
  readonly #positions = new Map<string, SourcePosition>();
  #recordCount = 0;
  #payloadBytes = 0;
  #sinceMs: number | undefined;
  #isWhole = true;

  get isEmpty(): boolean {
    return this.#sinceMs === undefined;
  }

  get bytes(): number {
    return this.#payloadBytes;
  }

  /** No transaction of the source is open in part, as far as the source says. */
  get isWhole(): boolean {
    return this.#isWhole;
  }

  /** 0 while nothing is open. */
  openForMs(nowMs: number): number {
    return this.#sinceMs === undefined ? 0 : nowMs - this.#sinceMs;
  }

  /** About to be written; `nowMs` is monotonic. */
  begin(nowMs: number): void {
    this.#sinceMs ??= nowMs;
  }

  add({ positions, recordCount, payloadBytes, endsTransaction }: WrittenPoll): void {
    for (const position of positions) {
      const id = canonicalJson(position.partition);
      this.#positions.delete(id);
      this.#positions.set(id, position);
    }
    this.#recordCount += recordCount;
    this.#payloadBytes += payloadBytes;
    this.#isWhole = endsTransaction;
  }

  /** They are committed, or given up: starts over. */
  take(): CommittedPolls {
    const committed = {
      positions: [...this.#positions.values()],
      recordCount: this.#recordCount,
      payloadBytes: this.#payloadBytes,
    };
    this.#positions.clear();
    this.#recordCount = 0;
    this.#payloadBytes = 0;
    this.#sinceMs = undefined;
    this.#isWhole = true;
    return committed;
  }
}
