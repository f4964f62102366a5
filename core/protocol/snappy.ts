/**
 * Snappy as Kafka uses it: blocks in the framing of the xerial library, which the Java clients write; bare blocks are
 * read too. Decoding is done here, because the compiled codec aborts on damaged input and cannot be given a limit.
 */

import { compiledCodecs } from './compiled-codecs.ts';
import { damaged, LzOutput } from './lz-output.ts';

/** 0x82 "SNAPPY" 0, then the version and the oldest compatible version, both 1. */
const xerialHeader = Buffer.from('82534e4150505900' + '00000001' + '00000001', 'hex');
const xerialMagic = xerialHeader.subarray(0, 8);

/** Uncompressed bytes per block: snappy finds matches within 64 KiB only. */
const blockBytes = 64 * 1024;

export function encodeSnappy(input: Buffer): Buffer {
  const pieces: Buffer[] = [xerialHeader];
  for (let at = 0; at < input.length; at += blockBytes) {
    const block = compiledCodecs().snappyCompress(input.subarray(at, at + blockBytes));
    const length = Buffer.allocUnsafe(4);
    length.writeInt32BE(block.length);
    pieces.push(length, block);
  }
  return Buffer.concat(pieces);
}

export function decodeSnappy(input: Buffer, maxBytes: number): Buffer {
  if (input.length < xerialHeader.length || input.compare(xerialMagic, 0, 8, 0, 8) !== 0) {
    const output = new LzOutput({ expectedBytes: announcedBytes(input, 0, input.length), maxBytes });
    decodeBlock(input, 0, input.length, output);
    return output.finish();
  }
  const output = new LzOutput({ expectedBytes: Math.min(maxBytes, 4 * input.length), maxBytes });
  let at = xerialHeader.length;
  while (at < input.length) {
    if (input.length - at < 4) throw damaged('a block has no length');
    const length = input.readInt32BE(at);
    at += 4;
    if (length < 0 || length > input.length - at) throw damaged(`a block announces ${length} bytes`);
    decodeBlock(input, at, at + length, output);
    at += length;
  }
  return output.finish();
}

/** The uncompressed size in front of a block, at most what its bytes can stand for. */
function announcedBytes(input: Buffer, start: number, end: number): number {
  const [size] = readSize(input, start, end);
  // The densest element, a copy of 64 bytes, takes 3 bytes.
  if (size > 22 * (end - start)) throw damaged(`a block of ${end - start} bytes announces ${size}`);
  return size;
}

function readSize(input: Buffer, start: number, end: number): readonly [size: number, at: number] {
  let size = 0;
  for (let index = 0; index < 5 && start + index < end; index++) {
    const byte = input[start + index]!;
    size += (byte & 0x7f) * 2 ** (7 * index);
    if (byte < 0x80) return [size, start + index + 1];
  }
  throw damaged('a block has no size');
}

function decodeBlock(input: Buffer, start: number, end: number, output: LzOutput): void {
  const [size, first] = readSize(input, start, end);
  const blockStart = output.length;
  let at = first;
  while (at < end) {
    const tag = input[at++]!;
    const kind = tag & 3;
    if (kind === 0) {
      const code = tag >> 2;
      // Codes from 60 on say how many bytes hold the length.
      const extra = code < 60 ? 0 : code - 59;
      if (at + extra > end) throw damaged('a literal is cut off');
      const length = (extra === 0 ? code : input.readUIntLE(at, extra)) + 1;
      at += extra;
      if (length > end - at) throw damaged('a literal is cut off');
      output.literal(input, at, at + length);
      at += length;
      continue;
    }
    const distanceBytes = kind === 3 ? 4 : kind;
    if (at + distanceBytes > end) throw damaged('a match is cut off');
    const length = kind === 1 ? 4 + ((tag >> 2) & 7) : 1 + (tag >> 2);
    const distance = kind === 1 ? ((tag >> 5) << 8) | input[at]! : input.readUIntLE(at, distanceBytes);
    at += distanceBytes;
    if (distance > output.length - blockStart) throw damaged('a match reaches before its block');
    output.match(distance, length);
  }
  if (output.length - blockStart !== size) throw damaged(`a block announces ${size} bytes and holds others`);
}
