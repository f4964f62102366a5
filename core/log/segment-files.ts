/** The files of a partition's folder at start: finishes or takes back what a crash interrupted, then lists the segments. */

import path from 'node:path';
import type { Disk } from '../base/disk.ts';
import { cleanedSuffix, deletedSuffix, offsetOfFileName, segmentFileName, swapSuffix } from './file-names.ts';
import { scanSegment } from './segment-scan.ts';

const swapLogSuffix = `.log${swapSuffix}`;

export interface SettledFiles {
  /** Base offsets of the segments, growing. */
  readonly bases: readonly number[];
  /** Files that were there before; some may have gone. What is not among them need not be looked for. */
  readonly names: ReadonlySet<string>;
}

/** Leaves no `.deleted`, `.cleaned`, `.swap` or temporary file behind. */
export async function settleSegmentFiles(disk: Disk, folder: string): Promise<SettledFiles> {
  const names = (await disk.list(folder)).filter((entry) => !entry.isFolder).map((entry) => entry.name);
  for (const name of names) {
    const isLeftover = [deletedSuffix, cleanedSuffix, '.tmp'].some((suffix) => name.endsWith(suffix));
    if (isLeftover) await disk.remove(path.join(folder, name));
  }
  let bases = namedOffsets(names, '.log');
  for (const base of namedOffsets(names, swapLogSuffix)) bases = await finishSwap(disk, folder, { base, bases });
  for (const suffix of ['.index', '.timeindex', '.txnindex'] as const) {
    for (const base of namedOffsets(names, suffix)) {
      if (!bases.includes(base)) await disk.remove(path.join(folder, segmentFileName(base, suffix)));
    }
  }
  return { bases, names: new Set(names) };
}

/** The offsets in the names of the folder's files with this suffix, growing. */
export function namedOffsets(names: readonly string[], suffix: string): number[] {
  return names
    .map((name) => offsetOfFileName(name, suffix))
    .filter((offset) => offset !== undefined)
    .sort((a, b) => a - b);
}

/**
 * A `.swap` file is a compacted segment that was complete and durable when it got its name. It replaces every segment
 * that begins inside it; then it takes its final name. Repeating this after another crash ends in the same place.
 */
async function finishSwap(
  disk: Disk,
  folder: string,
  { base, bases }: { base: number; bases: readonly number[] },
): Promise<number[]> {
  const swapPath = path.join(folder, `${segmentFileName(base, '.log')}${swapSuffix}`);
  const nextOffset = await nextOffsetOf(disk, swapPath, base);
  const replaced = bases.filter((other) => other >= base && other < nextOffset);
  for (const other of replaced) await removeSegmentFiles(disk, folder, other);
  await removeSnapshots(disk, folder, nextOffset);
  await disk.syncFolder(folder);
  await disk.rename(swapPath, path.join(folder, segmentFileName(base, '.log')));
  await disk.syncFolder(folder);
  return [...bases.filter((other) => !replaced.includes(other)), base].sort((a, b) => a - b);
}

/**
 * Those before the end of a segment that was compacted. In one of them a transaction may be open whose marker is gone since,
 * and a start from there would wait for its end for ever.
 */
export async function removeSnapshots(disk: Disk, folder: string, endOffset: number): Promise<void> {
  const names = (await disk.list(folder)).map(({ name }) => name);
  for (const offset of namedOffsets(names, '.snapshot')) {
    if (offset < endOffset) await disk.remove(path.join(folder, segmentFileName(offset, '.snapshot')));
  }
}

async function removeSegmentFiles(disk: Disk, folder: string, base: number): Promise<void> {
  for (const suffix of ['.index', '.timeindex', '.txnindex', '.log'] as const) {
    await disk.remove(path.join(folder, segmentFileName(base, suffix)));
  }
}

async function nextOffsetOf(disk: Disk, file: string, base: number): Promise<number> {
  const handle = await disk.open(file, 'read');
  try {
    const end = await scanSegment(handle, {
      position: 0,
      sizeBytes: await handle.size(),
      minOffset: base,
      onBatch: () => {},
    });
    return end.nextOffset;
  } finally {
    await handle.close();
  }
}
