/** The closing words of a bounded run: what was read, what was written, and where it is. */

import type { PipelinePlaces } from './places.ts';
import { formatBytes, formatCount, formatSeconds } from './units.ts';

export interface RunTotals {
  readonly files: number;
  readonly sourceRecords: number;
  readonly sourceBytes: number;
  readonly objects: number;
  readonly deadLetters: number;
  readonly skipped: number;
  readonly durationMs: number;
}

export function renderSummary(totals: RunTotals, places: readonly PipelinePlaces[]): string {
  const lines = [
    `done in ${formatSeconds(totals.durationMs)}: files ${formatCount(totals.files)}, lines ${formatCount(totals.sourceRecords)}, ` +
      `bytes ${formatCount(totals.sourceBytes)} (${formatBytes(totals.sourceBytes)}), objects ${formatCount(totals.objects)}, ` +
      `dead letters ${formatCount(totals.deadLetters)}`,
  ];
  // A skipped record was neither delivered nor dead-lettered and must not look as if it had been (promise 9).
  if (totals.skipped > 0) lines.push(`skipped under errors.tolerance=all: ${formatCount(totals.skipped)}`);
  for (const { targets } of places) for (const target of targets) lines.push(`objects in ${target}`);
  return lines.join('\n');
}
