/**
 * LZ4 frames as Kafka uses them: independent blocks and no content checksum are written, everything the frame format
 * allows is read. Decoding is done here, because the compiled codec aborts on damaged input and cannot be given a limit.
 */

import { compiledCodecs } from './compiled-codecs.ts';
import { damaged, LzOutput } from './lz-output.ts';

const frameMagic = 0x184d2204;

/** The upper 28 bits of the sixteen magics of frames to skip. */
const skippableMagic = 0x0184d2a5;

/** A frame without blocks: magic, flags (version 1, independent blocks), 64 KiB blocks, header checksum, end mark. */
const emptyFrame = Buffer.from('04224d18' + '6040' + '82' + '00000000', 'hex');

/** The shortest match there is. */
const minMatchBytes = 4;

export function encodeLz4(input: Buffer): Buffer {
  return input.length === 0 ? emptyFrame : compiledCodecs().lz4Compress(input);
}

/**
 * Reads one frame or several behind each other. Checksums are stepped over: the checksum of the record batch covers
 * the same bytes.
 */
export function decodeLz4(input: Buffer, maxBytes: number): Buffer {
  const output = new LzOutput({ expectedBytes: Math.min(maxBytes, 4 * input.length), maxBytes });
  let at = 0;
  do {
    if (input.length - at < 8) throw damaged('a frame is shorter than its header');
    const magic = input.readUInt32LE(at);
    if (magic === frameMagic) at = decodeFrame(input, at + 4, output);
    else if (magic >>> 4 === skippableMagic) at += 8 + input.readUInt32LE(at + 4);
    else throw damaged('it does not start with an LZ4 frame');
  } while (at < input.length);
  if (at > input.length) throw damaged('a frame is cut off');
  return output.finish();
}

/** Answers where the frame ends; `start` is behind its magic. */
function decodeFrame(input: Buffer, start: number, output: LzOutput): number {
  const flags = input[start]!;
  if (flags >> 6 !== 1) throw damaged(`the frame version ${flags >> 6} does not exist`);
  const isIndependent = (flags & 0x20) !== 0;
  const blockChecksumBytes = flags & 0x10 ? 4 : 0;
  const contentSizeBytes = flags & 0x08 ? 8 : 0;
  const contentChecksumBytes = flags & 0x04 ? 4 : 0;
  const dictionaryBytes = flags & 0x01 ? 4 : 0;
  const frameStart = output.length;
  // Two bytes of flags, the optional fields, one byte of header checksum.
  let at = start + 2 + contentSizeBytes + dictionaryBytes + 1;
  for (;;) {
    if (at + 4 > input.length) throw damaged('a frame has no end mark');
    const word = input.readUInt32LE(at);
    at += 4;
    if (word === 0) break;
    const length = word & 0x7fff_ffff;
    const end = at + length;
    if (end + blockChecksumBytes > input.length) throw damaged('a block is cut off');
    // The highest bit marks a block that did not become smaller and is stored as it was.
    if (word >>> 31 === 1) output.literal(input, at, end);
    else decodeBlock(input, { start: at, end }, output, isIndependent ? output.length : frameStart);
    at = end + blockChecksumBytes;
  }
  return at + contentChecksumBytes;
}

/** `historyStart` is where in the output the oldest byte lies that a match may repeat. */
function decodeBlock(
  input: Buffer,
  range: { readonly start: number; readonly end: number },
  output: LzOutput,
  historyStart: number,
): void {
  const { end } = range;
  let at = range.start;
  while (at < end) {
    const token = input[at++]!;
    let literalBytes = token >> 4;
    if (literalBytes === 15) {
      let byte: number;
      do {
        if (at >= end) throw damaged('a literal length is cut off');
        byte = input[at++]!;
        literalBytes += byte;
      } while (byte === 255);
    }
    if (literalBytes > end - at) throw damaged('a literal is cut off');
    output.literal(input, at, at + literalBytes);
    at += literalBytes;
    // The last sequence of a block has no match.
    if (at === end) return;
    if (at + 2 > end) throw damaged('a match is cut off');
    const distance = input[at]! | (input[at + 1]! << 8);
    at += 2;
    let matchBytes = token & 15;
    if (matchBytes === 15) {
      let byte: number;
      do {
        if (at >= end) throw damaged('a match length is cut off');
        byte = input[at++]!;
        matchBytes += byte;
      } while (byte === 255);
    }
    if (distance > output.length - historyStart) throw damaged('a match reaches before its block');
    output.match(distance, matchBytes + minMatchBytes);
  }
}
