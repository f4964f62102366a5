/** How far reading beside the stream is, as numbers for people. */

import type { Clock } from '../../../core/base/clock.ts';
import type { Gauges } from '../../contract/source.ts';
import type { RequestedReads } from './requested-reads.ts';

export class ReadProgress {
  readonly #reads: RequestedReads;
  readonly #clock: Clock;
  readonly #gauges: Gauges;
  #rowsTold = 0;
  #startedMs: number | undefined;
  #rowsAtStart = 0;
  #doneAtStart = 0;

  constructor(reads: RequestedReads, clock: Clock, gauges: Gauges) {
    this.#reads = reads;
    this.#clock = clock;
    this.#gauges = gauges;
  }

  /** `rows` were written since the task began. The numbers of what is over stay. */
  report(rows: number): void {
    const gauges = this.#gauges;
    const { done, left, rowsLeft } = this.#reads.progress;
    const isNew = this.#startedMs === undefined && left > 0;
    if (!isNew && this.#startedMs === undefined) return;
    if (isNew) {
      this.#startedMs = this.#clock.monotonicMs();
      this.#rowsAtStart = rows;
      this.#doneAtStart = done;
    }
    gauges.add('snapshot_rows_total', rows - this.#rowsTold);
    this.#rowsTold = rows;
    gauges.set('snapshot_tables', left + done - this.#doneAtStart);
    gauges.set('snapshot_tables_done', done - this.#doneAtStart);
    const read = rows - this.#rowsAtStart;
    gauges.set('snapshot_rows', read);
    gauges.set('snapshot_rows_estimated', read + rowsLeft);
    const spentS = (this.#clock.monotonicMs() - (this.#startedMs ?? 0)) / 1000;
    if (left === 0) gauges.set('snapshot_remaining_seconds', 0);
    else if (read > 0) gauges.set('snapshot_remaining_seconds', Math.round((spentS * rowsLeft) / read));
    if (left === 0) this.#startedMs = undefined;
  }
}
