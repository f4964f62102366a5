/** Tells a torn end, which a crash leaves and recovery cuts, from damage in the middle, which it must not touch. */

import type { DiskFile } from '../base/disk.ts';
import { BATCH_HEADER_BYTES, batchMagic, batchSizeBytes } from '../protocol/batch-header.ts';
import { scanSegment } from './segment-scan.ts';

export interface BadPlace {
  readonly position: number;
  readonly sizeBytes: number;
  /** The offset that would come next. */
  readonly nextOffset: number;
}

export type TailVerdict =
  | { readonly kind: 'torn'; readonly isZero: boolean }
  | { readonly kind: 'damaged'; readonly intactPosition: number };

const windowBytes = 1024 * 1024;
const pageBytes = 4096;

/**
 * Looks at the bad place and behind it. An intact batch right there has an offset that does not follow the one before, of
 * which one was changed: no torn write does that. Nothing intact behind it: the last write was torn. An intact batch there: damage, unless whole
 * pages of zeros stand before it; such a hole is what a power loss leaves of a write whose pages reached the disk in
 * another order, and nothing behind a hole was ever synced.
 */
export async function judgeTail(file: DiskFile, bad: BadPlace): Promise<TailVerdict> {
  if (await isWholeAt(file, bad)) return { kind: 'damaged', intactPosition: bad.position };
  const intactPosition = await findIntact(file, bad);
  if (intactPosition === undefined) return { kind: 'torn', isZero: await isZero(file, bad.position, bad.sizeBytes) };
  const isHole = await hasZeroPage(file, bad.position, intactPosition);
  return isHole ? { kind: 'torn', isZero: false } : { kind: 'damaged', intactPosition };
}

/** True when a whole batch with a right checksum stands at the bad place, whatever its offset. */
async function isWholeAt(file: DiskFile, bad: BadPlace): Promise<boolean> {
  const header = Buffer.alloc(BATCH_HEADER_BYTES);
  if ((await file.read(header, bad.position)) < BATCH_HEADER_BYTES || batchMagic(header, 0) !== 2) return false;
  const batchBytes = batchSizeBytes(header, 0);
  return batchBytes >= BATCH_HEADER_BYTES && isIntact(file, bad.position, { ...bad, nextOffset: 0, batchBytes });
}

/** The position of the next intact batch behind the bad place, at whatever byte it begins. */
async function findIntact(file: DiskFile, bad: BadPlace): Promise<number | undefined> {
  const window = Buffer.allocUnsafeSlow(Math.min(windowBytes, bad.sizeBytes - bad.position) + BATCH_HEADER_BYTES);
  let position = bad.position + 1;
  while (position + BATCH_HEADER_BYTES <= bad.sizeBytes) {
    const filled = await file.read(window, position);
    const last = filled - BATCH_HEADER_BYTES;
    if (last < 0) return undefined;
    for (let at = nextCandidate(window, 0, last); at !== -1; at = nextCandidate(window, at + 1, last)) {
      const isPlausible = batchSizeBytes(window, at) >= BATCH_HEADER_BYTES;
      if (isPlausible && (await isIntact(file, position + at, { ...bad, batchBytes: batchSizeBytes(window, at) }))) {
        return position + at;
      }
    }
    position += last + 1;
  }
  return undefined;
}

/** The next place in [from, last] where the magic of a batch could stand, or -1. */
function nextCandidate(window: Buffer, from: number, last: number): number {
  for (let at = from; at <= last; ) {
    const magic = window.indexOf(2, at + 16);
    if (magic === -1 || magic - 16 > last) return -1;
    at = magic - 16;
    // The upper half of the base offset's high word and of the length are zero in every real batch.
    if (window[at] === 0 && window[at + 1] === 0 && batchMagic(window, at) === 2) return at;
    at += 1;
  }
  return -1;
}

async function isIntact(file: DiskFile, position: number, bad: BadPlace & { batchBytes: number }): Promise<boolean> {
  if (position + bad.batchBytes > bad.sizeBytes) return false;
  const end = await scanSegment(file, {
    position,
    sizeBytes: position + bad.batchBytes,
    minOffset: bad.nextOffset,
    onBatch: () => {},
  });
  return end.problem === undefined;
}

/** True when a whole page between the positions is zero, or everything up to the first page border is. */
async function hasZeroPage(file: DiskFile, from: number, to: number): Promise<boolean> {
  const firstBorder = Math.ceil(from / pageBytes) * pageBytes;
  if (firstBorder > from && (await isZero(file, from, Math.min(firstBorder, to)))) return true;
  for (let page = firstBorder; page + pageBytes <= to; page += pageBytes) {
    if (await isZero(file, page, page + pageBytes)) return true;
  }
  return false;
}

async function isZero(file: DiskFile, from: number, to: number): Promise<boolean> {
  const window = Buffer.allocUnsafeSlow(Math.min(windowBytes, to - from));
  for (let position = from; position < to; ) {
    const filled = await file.read(window.subarray(0, Math.min(window.length, to - position)), position);
    if (filled === 0) break;
    for (let at = 0; at < filled; at += 1) if (window[at] !== 0) return false;
    position += filled;
  }
  return true;
}
