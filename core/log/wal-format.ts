/** The write-ahead log's bytes: one frame per commit, sealed with a checksum, and in it what was written where. */

import { crc32c } from '../protocol/crc32c.ts';

/** The file that bytes belong to, told so that a replay cannot put them into another one. */
export interface WriteOrigin {
  /** `topic-partition`, the name of the folder. */
  readonly partition: string;
  /** Of the topic the folder was made for; empty when the folder does not say. */
  readonly topicId: string;
  readonly segmentBase: number;
}

/** Whole batches as they stand in a segment's file. */
export interface WalEntry {
  readonly origin: WriteOrigin;
  readonly position: number;
  /** Behind the last of the batches. */
  readonly nextOffset: number;
  readonly buffers: readonly Uint8Array[];
}

export interface FrameId {
  /** Grows each time a file is begun anew: what stands behind the last frame of it is from an earlier one. */
  readonly generation: number;
  /** From 0 in each generation, without a gap. */
  readonly sequence: number;
}

export interface FrameHeader extends FrameId {
  readonly crc: number;
  readonly entryCount: number;
  /** With the header. */
  readonly sizeBytes: number;
}

const magic = 0x4d57_414c;

/** uint32 magic, uint32 CRC32C of everything behind it, uint32 size, uint32 entries, uint48 generation, uint48 sequence. */
export const frameHeaderBytes = 28;
const crcCoversFrom = 8;

/** uint16 and uint16 lengths of the names, uint32 of the bytes, uint48 segment base, uint48 position, uint48 next offset. */
const entryHeaderBytes = 26;

/** What the entry takes in a frame. */
export function entrySizeBytes({ origin, buffers }: WalEntry): number {
  let bytes = entryHeaderBytes + Buffer.byteLength(origin.partition) + Buffer.byteLength(origin.topicId);
  for (const buffer of buffers) bytes += buffer.byteLength;
  return bytes;
}

/** Writes one frame to the front of `into`, which must be large enough; returns its size. */
export function encodeFrame(into: Buffer, { generation, sequence }: FrameId, entries: readonly WalEntry[]): number {
  let at = frameHeaderBytes;
  for (const entry of entries) at = encodeEntry(into, at, entry);
  into.writeUInt32BE(magic, 0);
  into.writeUInt32BE(at, 8);
  into.writeUInt32BE(entries.length, 12);
  into.writeUIntBE(generation, 16, 6);
  into.writeUIntBE(sequence, 22, 6);
  into.writeUInt32BE(crc32c(into, crcCoversFrom, at), 4);
  return at;
}

function encodeEntry(into: Buffer, start: number, { origin, position, nextOffset, buffers }: WalEntry): number {
  let at = start + entryHeaderBytes;
  const nameBytes = into.write(origin.partition, at);
  at += nameBytes;
  const idBytes = into.write(origin.topicId, at);
  at += idBytes;
  const dataStart = at;
  for (const buffer of buffers) {
    into.set(buffer, at);
    at += buffer.byteLength;
  }
  into.writeUInt16BE(nameBytes, start);
  into.writeUInt16BE(idBytes, start + 2);
  into.writeUInt32BE(at - dataStart, start + 4);
  into.writeUIntBE(origin.segmentBase, start + 8, 6);
  into.writeUIntBE(position, start + 14, 6);
  into.writeUIntBE(nextOffset, start + 20, 6);
  return at;
}

/** The header at the front of `bytes`, or undefined when no frame of at most `maxBytes` begins there. */
export function decodeFrameHeader(bytes: Buffer, maxBytes: number): FrameHeader | undefined {
  if (bytes.length < frameHeaderBytes || bytes.readUInt32BE(0) !== magic) return undefined;
  const sizeBytes = bytes.readUInt32BE(8);
  if (sizeBytes < frameHeaderBytes || sizeBytes > maxBytes) return undefined;
  return {
    crc: bytes.readUInt32BE(4),
    sizeBytes,
    entryCount: bytes.readUInt32BE(12),
    generation: bytes.readUIntBE(16, 6),
    sequence: bytes.readUIntBE(22, 6),
  };
}

/** The entries of a whole frame, as views into it; undefined when it is not as it was written. */
export function decodeFrame(frame: Buffer, header: FrameHeader): WalEntry[] | undefined {
  if (crc32c(frame, crcCoversFrom, frame.length) !== header.crc) return undefined;
  const entries: WalEntry[] = [];
  let at = frameHeaderBytes;
  while (at + entryHeaderBytes <= frame.length) {
    const nameStart = at + entryHeaderBytes;
    const idStart = nameStart + frame.readUInt16BE(at);
    const dataStart = idStart + frame.readUInt16BE(at + 2);
    const end = dataStart + frame.readUInt32BE(at + 4);
    if (end > frame.length) return undefined;
    entries.push({
      origin: {
        partition: frame.toString('utf8', nameStart, idStart),
        topicId: frame.toString('utf8', idStart, dataStart),
        segmentBase: frame.readUIntBE(at + 8, 6),
      },
      position: frame.readUIntBE(at + 14, 6),
      nextOffset: frame.readUIntBE(at + 20, 6),
      buffers: [frame.subarray(dataStart, end)],
    });
    at = end;
  }
  return at === frame.length && entries.length === header.entryCount ? entries : undefined;
}
