/** What a start after a crash need not find out again about the active segment: its indexes, its log's producers and open transactions, in one sealed file. */

import path from 'node:path';
import type { Disk } from '../base/disk.ts';
import { crc32c } from '../protocol/crc32c.ts';
import { AbortedIndex } from './aborted-index.ts';
import { activeCheckpointName } from './file-names.ts';
import type { LogState } from './log-state.ts';
import { OffsetIndex } from './offset-index.ts';
import { encodeSnapshot } from './producer-snapshot.ts';
import type { Segment } from './segment.ts';
import { TimeIndex } from './time-index.ts';

export interface ActiveCheckpoint {
  readonly offsets: OffsetIndex;
  readonly times: TimeIndex;
  readonly aborted: AbortedIndex;
  /** The producers before `nextOffset`, in the form of a `.snapshot`. */
  readonly producers: Buffer;
  readonly nextOffset: number;
}

const version = 2;
/** uint32 version, uint32 CRC32C of everything behind it, uint48 base and next offset, uint32 bytes of each of the three indexes. */
const headerBytes = 32;
const crcCoversFrom = 8;

/** Undefined while batches are on their way: the producer table is ahead of the segment then. */
export function encodeActiveCheckpoint(state: LogState): Buffer[] | undefined {
  const { active } = state.segments;
  const { indexes, aborted, nextOffset } = active;
  if (indexes === undefined || aborted === undefined || state.logEndOffset !== nextOffset) return undefined;
  const offsets = indexes.offsets.bytes();
  const times = indexes.times.bytes();
  const header = Buffer.alloc(headerBytes);
  header.writeUInt32BE(version, 0);
  header.writeUIntBE(active.baseOffset, 8, 6);
  header.writeUIntBE(nextOffset, 14, 6);
  header.writeUInt32BE(offsets.length, 20);
  header.writeUInt32BE(times.length, 24);
  header.writeUInt32BE(aborted.sizeBytes, 28);
  // Copies: the indexes grow while they are written.
  const indexBytes = [offsets, times, aborted.bytes()].map((bytes) => Buffer.from(bytes));
  const parts = [...indexBytes, encodeSnapshot({ ...state, endOffset: nextOffset })];
  let crc = crc32c(header, crcCoversFrom, headerBytes);
  for (const part of parts) crc = crc32c(part, 0, part.length, crc);
  header.writeUInt32BE(crc, 4);
  return [header, ...parts];
}

/** Not synced and written in place: one that is torn does not verify, and costs the start a look at the whole segment. */
export async function writeActiveCheckpoint(disk: Disk, folder: string, content: readonly Buffer[]): Promise<void> {
  const file = await disk.open(path.join(folder, activeCheckpointName), 'create');
  try {
    await file.write(content, 0);
    await file.truncate(content.reduce((sum, { length }) => sum + length, 0));
  } finally {
    await file.close();
  }
}

/** Durably: it must not come back when the offsets it knows are taken by other batches. */
export async function removeActiveCheckpoint(disk: Disk, folder: string): Promise<void> {
  await disk.remove(path.join(folder, activeCheckpointName));
  await disk.syncFolder(folder);
}

/** Undefined when there is none for this segment, or it does not verify. */
export async function readActiveCheckpoint(disk: Disk, segment: Segment): Promise<ActiveCheckpoint | undefined> {
  const bytes = await disk.readFile(path.join(segment.folder, activeCheckpointName));
  if (bytes === undefined || bytes.length < headerBytes || bytes.readUInt32BE(0) !== version) return undefined;
  if (bytes.readUInt32BE(4) !== crc32c(bytes, crcCoversFrom)) return undefined;
  if (bytes.readUIntBE(8, 6) !== segment.baseOffset) return undefined;
  const timesStart = headerBytes + bytes.readUInt32BE(20);
  const abortedStart = timesStart + bytes.readUInt32BE(24);
  const producersStart = abortedStart + bytes.readUInt32BE(28);
  const offsets = new OffsetIndex(segment.baseOffset, bytes.subarray(headerBytes, timesStart));
  const times = new TimeIndex(segment.baseOffset, bytes.subarray(timesStart, abortedStart));
  const aborted = new AbortedIndex(Buffer.from(bytes.subarray(abortedStart, producersStart)));
  return { offsets, times, aborted, producers: bytes.subarray(producersStart), nextOffset: bytes.readUIntBE(14, 6) };
}
