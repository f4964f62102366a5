/** Takes segments off the front of a log: durable log start first, then the files, which stay under another name for a while. */

import type { Disk } from '../base/disk.ts';
import { logErrors } from './error-codes.ts';
import { deletedSuffix } from './file-names.ts';
import type { LogParts } from './log-parts.ts';
import { nameOf } from './log-state.ts';
import type { Segment } from './segment.ts';

/** Moves the log start to `offset` and drops what lies before it. Rejects with `log/offset-out-of-range` beyond the high watermark. */
export async function deleteBefore(parts: LogParts, offset: number): Promise<void> {
  const { state } = parts;
  if (offset < 0 || offset > state.highWatermark) {
    throw logErrors.error('offset-out-of-range', {
      message: `records can be deleted before offset ${state.highWatermark} at most, not before ${offset}`,
      where: nameOf(state),
    });
  }
  if (offset <= state.logStartOffset) return;
  await moveLogStart(parts, offset);
  await dropSegments(parts, fullyBefore(parts, offset));
}

/** Drops segments off the front, at least one segment always stays. */
export async function dropFront(parts: LogParts, segments: readonly Segment[]): Promise<void> {
  const last = segments.at(-1);
  if (last === undefined) return;
  await moveLogStart(parts, Math.max(last.nextOffset, parts.state.logStartOffset));
  await dropSegments(parts, segments);
}

/** Reads below the start are refused from now on; the files follow only when a crash cannot bring the old start back. */
async function moveLogStart({ services, state }: LogParts, offset: number): Promise<void> {
  if (offset <= state.logStartOffset) return;
  const before = state.logStartOffset;
  state.logStartOffset = offset;
  try {
    await services.saveLogStarts();
  } catch (error) {
    state.logStartOffset = before;
    throw error;
  }
}

function fullyBefore({ state }: LogParts, offset: number): Segment[] {
  return state.segments.all().filter((segment) => segment !== state.segments.active && segment.nextOffset <= offset);
}

async function dropSegments(parts: LogParts, segments: readonly Segment[]): Promise<void> {
  if (segments.length === 0) return;
  const { services, state, gate } = parts;
  const { disk, files, indexes } = services;
  await gate.exclusive(async () => {
    state.segments.retire(segments);
    for (const segment of segments) await renameAway(disk, segment);
    await disk.syncFolder(state.folder);
  });
  for (const segment of segments) {
    indexes.forget(segment);
    await files.forget(segment);
  }
  unlinkLater(parts, segments);
}

/** The data file last: an index without it is removed at the next start. */
export async function renameAway(disk: Disk, segment: Segment): Promise<void> {
  for (const suffix of ['.index', '.timeindex', '.txnindex', '.snapshot', '.log'] as const) {
    const file = segment.filePath(suffix);
    if (suffix === '.log') await disk.rename(file, `${file}${deletedSuffix}`);
    else await disk.remove(file);
  }
}

/** Frees the room after `file.delete.delay.ms`; what cannot be unlinked then is at the next start. */
export function unlinkLater({ services, state }: LogParts, segments: readonly Segment[]): void {
  const { disk, clock } = services;
  clock.timer(state.config.fileDeleteDelayMs, () => {
    for (const segment of segments) void disk.remove(`${segment.logPath}${deletedSuffix}`).catch(() => {});
  });
}
