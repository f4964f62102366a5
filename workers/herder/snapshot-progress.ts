/** How far a source is with reading what was there before, from the numbers of its tasks. Pure. */

import type { TaskFigures } from '../task-numbers.ts';

export interface SnapshotProgress {
  readonly tables: number;
  readonly tables_done: number;
  readonly rows: number;
  /** Of all of them, by the source's estimate. */
  readonly rows_estimated?: number;
  readonly remaining_seconds?: number;
}

/** Undefined while nothing is being read. */
export function snapshotProgress(figures: readonly TaskFigures[]): SnapshotProgress | undefined {
  const sum = (name: string) => figures.reduce((total, { values }) => total + (values[name] ?? 0), 0);
  const largest = (name: string) => Math.max(...figures.map(({ values }) => values[name] ?? -1));
  const [tables, done] = [sum('snapshot_tables'), sum('snapshot_tables_done')];
  if (done >= tables) return undefined;
  const estimated = sum('snapshot_rows_estimated');
  const remaining = largest('snapshot_remaining_seconds');
  return {
    tables,
    tables_done: done,
    rows: sum('snapshot_rows'),
    ...(estimated > 0 ? { rows_estimated: estimated } : {}),
    ...(remaining >= 0 ? { remaining_seconds: remaining } : {}),
  };
}
