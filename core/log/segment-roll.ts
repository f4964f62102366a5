/** Ends a segment and makes the file of the next one, in an order that leaves the old one active after a failure or a crash. */

import type { Disk, DiskFile } from '../base/disk.ts';
import type { LogState } from './log-state.ts';
import { writeSnapshot } from './producer-snapshot.ts';
import { Segment } from './segment.ts';

export interface StartedSegment {
  readonly segment: Segment;
  readonly file: DiskFile;
}

/**
 * Makes the segment that begins at `baseOffset`. The active segment must be durable: only the last segment of a log can
 * have a torn end. Until the caller adds the new one to the list nothing refers to it, and its empty file counts as none.
 */
export async function startSegment(disk: Disk, state: LogState, baseOffset: number): Promise<StartedSegment> {
  await state.segments.active.writeIndexes(disk);
  await writeSnapshot(disk, state.folder, { producers: state.producers, endOffset: baseOffset });
  const segment = Segment.empty({ folder: state.folder, baseOffset });
  const file = await disk.open(segment.logPath, 'create');
  try {
    await file.truncate(0);
    await disk.syncFolder(state.folder);
    return { segment, file };
  } catch (error) {
    await file.close();
    await disk.remove(segment.logPath);
    throw error;
  }
}
