/** Prints changes as they come and counts them; a terminal that does not keep up is not waited for. */

import type { TopicRecord } from '../core/client/index.ts';
import { type Change, changeOf } from './change.ts';
import { changeLine, latencyMs } from './change-line.ts';
import type { Paint } from './paint.ts';

/** What may wait to be written; lines beyond it are left out. */
const mostWaitingCharacters = 1 << 20;

/** The latest so many are kept for the totals. */
const mostLatencies = 100_000;

const widestPlainLine = 200;

export class ChangePrinter {
  readonly latenciesMs: number[] = [];
  readonly tables = new Set<string>();
  readonly #first = Promise.withResolvers<void>();
  readonly #stream: NodeJS.WriteStream;
  readonly #paint: Paint;
  #changes = 0;
  #measured = 0;
  #leftOut = 0;

  constructor(stream: NodeJS.WriteStream, paint: Paint) {
    this.#stream = stream;
    this.#paint = paint;
  }

  /** Resolves at the first change. */
  get first(): Promise<void> {
    return this.#first.promise;
  }

  get changes(): number {
    return this.#changes;
  }

  onRecord(record: TopicRecord): void {
    const change = changeOf(record);
    if (change === undefined) return;
    const receivedMs = preciseNowMs();
    this.#count(change, receivedMs);
    if (this.#stream.writableLength > mostWaitingCharacters) {
      this.#leftOut++;
      return;
    }
    if (this.#leftOut > 0) this.#stream.write(`… ${this.#leftOut} more\n`);
    this.#leftOut = 0;
    const width = this.#stream.isTTY ? this.#stream.columns : widestPlainLine;
    this.#stream.write(`${changeLine(change, { paint: this.#paint, width, receivedMs })}\n`);
  }

  #count(change: Change, receivedMs: number): void {
    this.#changes++;
    this.#first.resolve();
    this.tables.add(change.table);
    const latency = latencyMs(change, receivedMs);
    if (latency !== undefined) this.latenciesMs[this.#measured++ % mostLatencies] = latency;
  }
}

/** The wall clock with fractions of a millisecond, which latencies are made of. */
function preciseNowMs(): number {
  return performance.timeOrigin + performance.now();
}
