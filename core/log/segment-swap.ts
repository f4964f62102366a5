/** Puts a compacted segment in the place of those it was made from, so that a crash at any step can be finished or taken back. */

import { MillraceError } from '../base/errors.ts';
import { swapSuffix } from './file-names.ts';
import type { LogParts } from './log-parts.ts';
import type { Segment } from './segment.ts';
import { removeSnapshots } from './segment-files.ts';
import { renameAway, unlinkLater } from './segment-removal.ts';

/**
 * The compacted segment is durable under its `.swap` name. Each step is durable before the next: the old files get their
 * `.deleted` names, then the new one its final name. In between, the next start would finish the same way. A step that
 * fails leaves files and memory apart, so it fails the log.
 */
export async function swapIn(parts: LogParts, group: readonly Segment[], cleaned: Segment): Promise<void> {
  const { services, state, gate } = parts;
  const { disk, files, indexes } = services;
  try {
    await gate.exclusive(async () => {
      for (const segment of group) await renameAway(disk, segment);
      await removeSnapshots(disk, state.folder, cleaned.nextOffset);
      await disk.syncFolder(state.folder);
      await disk.rename(`${cleaned.logPath}${swapSuffix}`, cleaned.logPath);
      await disk.syncFolder(state.folder);
      state.segments.retire(group, cleaned);
    });
  } catch (error) {
    if (error instanceof MillraceError) services.onFailure(error);
    throw error;
  }
  for (const segment of group) {
    indexes.forget(segment);
    await files.forget(segment);
  }
  unlinkLater(parts, group);
  await cleaned.writeIndexes(disk);
  cleaned.aborted = undefined;
  indexes.manage(cleaned);
}
