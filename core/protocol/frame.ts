/** Frames of the wire: length-prefixed requests and responses cut out of a byte stream, and their headers. */

import type { AnyApi, Api } from './api.ts';
import { findApi } from './apis/all.ts';
import { protocolErrors } from './error-codes.ts';
import type { Encodable, Fields } from './field.ts';
import type { Reader } from './reader.ts';
import { Writer } from './writer.ts';

const apiVersionsKey = 18;

/** A frame is allocated whole up to this size; a larger one grows as its bytes arrive, so that a length alone costs little. */
const allocateWholeUpToBytes = 8 * 1024 * 1024;

/** Where frames that span chunks are collected. */
export interface FrameMemory {
  /** At least that many bytes, with unknown content. */
  take(minBytes: number): Buffer;
}

const freshMemory: FrameMemory = { take: (minBytes) => Buffer.allocUnsafeSlow(minBytes) };

export class FrameReader {
  readonly #maxFrameBytes: number;
  readonly #memory: FrameMemory;
  /** Bytes of a length that was split between chunks. */
  readonly #prefix = Buffer.alloc(4);
  #prefixBytes = 0;
  /** The frame being collected, and how much of it is there. */
  #frame: Buffer | undefined;
  #frameBytes = 0;
  #frameLength = 0;

  constructor(options: { maxFrameBytes: number; memory?: FrameMemory }) {
    this.#maxFrameBytes = options.maxFrameBytes;
    this.#memory = options.memory ?? freshMemory;
  }

  /**
   * Calls `onFrame` for every frame the chunk completes, in order, without its length. A frame inside one chunk is a
   * slice of it. Throws `protocol/frame-too-large` or `protocol/malformed`; the stream cannot be read on then.
   */
  push(chunk: Buffer, onFrame: (frame: Buffer) => void): void {
    let at = 0;
    while (at < chunk.length) {
      if (this.#frame !== undefined) {
        at = this.#collect(chunk, at, onFrame);
      } else if (this.#prefixBytes === 0 && chunk.length - at >= 4) {
        const length = this.#checked(chunk.readInt32BE(at));
        at += 4;
        if (chunk.length - at >= length) {
          onFrame(chunk.subarray(at, at + length));
          at += length;
        } else {
          this.#start(length);
        }
      } else {
        this.#prefix[this.#prefixBytes++] = chunk[at++]!;
        if (this.#prefixBytes === 4) {
          this.#prefixBytes = 0;
          const length = this.#checked(this.#prefix.readInt32BE(0));
          if (length === 0) onFrame(Buffer.alloc(0));
          else this.#start(length);
        }
      }
    }
  }

  /** True in the middle of a frame: the stream must not end here. */
  get isPartial(): boolean {
    return this.#frame !== undefined || this.#prefixBytes > 0;
  }

  #start(length: number): void {
    const firstBytes = Math.min(length, allocateWholeUpToBytes);
    this.#frame = this.#memory.take(firstBytes).subarray(0, firstBytes);
    this.#frameBytes = 0;
    this.#frameLength = length;
  }

  #collect(chunk: Buffer, at: number, onFrame: (frame: Buffer) => void): number {
    const taken = Math.min(this.#frameLength - this.#frameBytes, chunk.length - at);
    let frame = this.#frame!;
    if (this.#frameBytes + taken > frame.length) {
      const larger = Buffer.allocUnsafeSlow(
        Math.min(this.#frameLength, Math.max(4 * frame.length, this.#frameBytes + taken)),
      );
      frame.copy(larger, 0, 0, this.#frameBytes);
      frame = larger;
      this.#frame = larger;
    }
    chunk.copy(frame, this.#frameBytes, at, at + taken);
    this.#frameBytes += taken;
    if (this.#frameBytes === this.#frameLength) {
      this.#frame = undefined;
      onFrame(frame);
    }
    return at + taken;
  }

  #checked(length: number): number {
    if (length < 0) throw protocolErrors.error('malformed', { message: `a frame has the length ${length}` });
    if (length > this.#maxFrameBytes) {
      const isTls = length >>> 16 === 0x1603;
      throw protocolErrors.error('frame-too-large', {
        message: isTls
          ? 'the other side starts a TLS handshake on a listener without TLS'
          : `a frame of ${length} bytes is over the limit of ${this.#maxFrameBytes}`,
      });
    }
    return length;
  }
}

export interface RequestHeader {
  readonly apiKey: number;
  readonly apiVersion: number;
  readonly correlationId: number;
  readonly clientId: string | null;
}

/** Leaves the reader at the body. An unknown API is read with the plain header (version 1). */
export function decodeRequestHeader(reader: Reader): RequestHeader {
  const apiKey = reader.int16();
  const apiVersion = reader.int16();
  const correlationId = reader.int32();
  const clientId = reader.nullableString();
  if (findApi(apiKey)?.isFlexible(apiVersion)) reader.skipTags();
  return { apiKey, apiVersion, correlationId, clientId };
}

export interface RequestHeaderInput {
  readonly version: number;
  readonly correlationId: number;
  readonly clientId: string | null;
}

export function encodeRequestHeader(writer: Writer, api: AnyApi, header: RequestHeaderInput): void {
  // The client id stays a plain nullable string in the flexible header.
  writer.int16(api.key).int16(header.version).int32(header.correlationId).nullableString(header.clientId);
  if (api.isFlexible(header.version)) writer.uvarint(0);
}

/** The answer to ApiVersions has the oldest header in every version, because the asker cannot know better yet. */
function hasFlexibleResponseHeader(api: AnyApi, version: number): boolean {
  return api.isFlexible(version) && api.key !== apiVersionsKey;
}

export function encodeResponseHeader(
  writer: Writer,
  api: AnyApi,
  header: { version: number; correlationId: number },
): void {
  writer.int32(header.correlationId);
  if (hasFlexibleResponseHeader(api, header.version)) writer.uvarint(0);
}

/** Answers the correlation id and leaves the reader at the body. */
export function decodeResponseHeader(reader: Reader, api: AnyApi, version: number): number {
  const correlationId = reader.int32();
  if (hasFlexibleResponseHeader(api, version)) reader.skipTags();
  return correlationId;
}

/** A whole request with length and header, as pieces for the socket. */
export function encodeRequestFrame<Q extends Fields, S extends Fields>(
  api: Api<Q, S>,
  header: RequestHeaderInput,
  request: Encodable<Q>,
): Buffer[] {
  const writer = new Writer().int32(0);
  encodeRequestHeader(writer, api, header);
  api.encodeRequest(writer, request, header.version);
  return withLength(writer);
}

/** A whole response with length and header, as pieces for the socket. */
export function encodeResponseFrame<Q extends Fields, S extends Fields>(
  api: Api<Q, S>,
  header: { readonly version: number; readonly correlationId: number },
  response: Encodable<S>,
): Buffer[] {
  const writer = new Writer().int32(0);
  encodeResponseHeader(writer, api, header);
  api.encodeResponse(writer, response, header.version);
  return withLength(writer);
}

function withLength(writer: Writer): Buffer[] {
  const length = writer.length - 4;
  const pieces = writer.finish();
  pieces[0]!.writeInt32BE(length, 0);
  return pieces;
}
