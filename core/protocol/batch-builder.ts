/** Builds one record batch from value slices or whole records, in one growing buffer and without an object per record. */

import { BATCH_HEADER_BYTES, type BatchProducer, sealCrc, writeBatchHeader } from './batch-header.ts';
import type { BatchMemory } from './batch-memory.ts';
import { type Codec, codecIds, compress } from './compression.ts';
import { protocolErrors } from './error-codes.ts';

/** The most bytes a record takes beside its key, value and headers: five varints, a varlong and the attributes. */
const recordOverheadBytes = 36;

const maxBatchBytes = 0x7fff_ffff;

/** Some seventy thousand years: differences of such times, doubled by the zigzag, are still exact. */
const maxTimestampMs = 2 ** 51;

export interface BuilderRecord {
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly headers?: readonly { readonly key: string; readonly value: Buffer | null }[] | undefined;
  /** Milliseconds since 1970. */
  readonly timestampMs: number;
}

export interface BuildOptions {
  readonly compression?: Codec;
  readonly producer?: BatchProducer;
  readonly isTransactional?: boolean;
}

const noProducer: BatchProducer = { producerId: -1, producerEpoch: -1, baseSequence: -1 };

export interface BatchBuilderOptions {
  /** What a batch is expected to need; 16 KiB unless told. */
  readonly initialBytes?: number;
  /** Where memory comes from, when finished batches are given back there. */
  readonly memory?: BatchMemory;
}

export class BatchBuilder {
  readonly #initialBytes: number;
  readonly #source: BatchMemory | undefined;
  /** The batch under construction: room for the header, then the records. */
  #memory: Buffer;
  #position = BATCH_HEADER_BYTES;
  #count = 0;
  #baseTimestampMs = 0;
  #maxTimestampMs = 0;

  constructor(options: BatchBuilderOptions = {}) {
    this.#initialBytes = Math.max(options.initialBytes ?? 16 * 1024, 256);
    this.#source = options.memory;
    this.#memory = this.#take(this.#initialBytes);
  }

  /** Records appended since the last `build` or `reset`. */
  get count(): number {
    return this.#count;
  }

  /** The uncompressed batch as it stands, header included. */
  get sizeBytes(): number {
    return this.#position;
  }

  /** Drops the records and keeps the memory. */
  reset(): void {
    this.#position = BATCH_HEADER_BYTES;
    this.#count = 0;
  }

  /** A record without key and headers whose value is `bytes[start, end)`, copied before the call returns. */
  append(bytes: Buffer, start: number, end: number, timestampMs: number): void {
    const valueBytes = end - start;
    const timestampDelta = this.#timestampDelta(timestampMs);
    const offsetDelta = this.#count;
    const bodyBytes =
      3 + varlongBytes(timestampDelta) + varintBytes(offsetDelta) + varintBytes(valueBytes) + valueBytes;
    let at = this.#room(valueBytes + recordOverheadBytes);
    const memory = this.#memory;
    at = putVarint(memory, at, bodyBytes);
    memory[at++] = 0; // Attributes, unused so far.
    at = putVarlong(memory, at, timestampDelta);
    at = putVarint(memory, at, offsetDelta);
    memory[at++] = 1; // A null key: -1 in zigzag.
    at = putVarint(memory, at, valueBytes);
    bytes.copy(memory, at, start, end);
    at += valueBytes;
    memory[at++] = 0; // No headers.
    this.#position = at;
    this.#count = offsetDelta + 1;
  }

  /** A record with key, headers or a null value; everything is copied before the call returns. */
  appendRecord(record: BuilderRecord): void {
    const { key, value, headers = [] } = record;
    const timestampDelta = this.#timestampDelta(record.timestampMs);
    const offsetDelta = this.#count;
    let bodyBytes = 1 + varlongBytes(timestampDelta) + varintBytes(offsetDelta);
    bodyBytes += sizedBytes(key) + sizedBytes(value) + varintBytes(headers.length);
    for (const header of headers) {
      const keyBytes = Buffer.byteLength(header.key);
      bodyBytes += varintBytes(keyBytes) + keyBytes + sizedBytes(header.value);
    }
    let at = this.#room(bodyBytes + 5);
    const memory = this.#memory;
    at = putVarint(memory, at, bodyBytes);
    memory[at++] = 0;
    at = putVarlong(memory, at, timestampDelta);
    at = putVarint(memory, at, offsetDelta);
    at = putSized(memory, at, key);
    at = putSized(memory, at, value);
    at = putVarint(memory, at, headers.length);
    for (const header of headers) {
      at = putVarint(memory, at, Buffer.byteLength(header.key));
      at += memory.write(header.key, at);
      at = putSized(memory, at, header.value);
    }
    this.#position = at;
    this.#count = offsetDelta + 1;
  }

  /**
   * The finished batch with base offset 0 and a valid checksum. It owns its memory: it may be patched, kept, or moved
   * to another thread, and the builder starts over empty. At least one record must have been appended.
   */
  build(options: BuildOptions = {}): Buffer {
    if (this.#count === 0) throw protocolErrors.error('unencodable', { message: 'a batch needs at least one record' });
    const codec = options.compression ?? 'none';
    const batch = codec === 'none' ? this.#takeMemory() : this.#compressed(codec);
    writeBatchHeader(batch, 0, {
      sizeBytes: batch.length,
      attributes: codecIds[codec] | (options.isTransactional ? 0x10 : 0),
      baseTimestampMs: this.#baseTimestampMs,
      maxTimestampMs: this.#maxTimestampMs,
      recordCount: this.#count,
      ...(options.producer ?? noProducer),
    });
    sealCrc(batch, 0);
    this.reset();
    return batch;
  }

  /** Hands the memory over when the batch fills most of it; a copy wastes less otherwise. */
  #takeMemory(): Buffer {
    const size = this.#position;
    if (size * 2 < this.#memory.length) {
      const batch = Buffer.allocUnsafeSlow(size);
      this.#memory.copy(batch, 0, 0, size);
      return batch;
    }
    const batch = this.#memory.subarray(0, size);
    this.#memory = this.#take(this.#memory.length);
    return batch;
  }

  #compressed(codec: Codec): Buffer {
    const records = compress(codec, this.#memory.subarray(BATCH_HEADER_BYTES, this.#position));
    const batch = Buffer.allocUnsafeSlow(BATCH_HEADER_BYTES + records.length);
    records.copy(batch, BATCH_HEADER_BYTES);
    return batch;
  }

  #timestampDelta(timestampMs: number): number {
    if (!Number.isInteger(timestampMs) || timestampMs > maxTimestampMs || timestampMs < -maxTimestampMs) {
      throw protocolErrors.error('unencodable', { message: `${timestampMs} is no time of a record` });
    }
    if (this.#count === 0) {
      this.#baseTimestampMs = timestampMs;
      this.#maxTimestampMs = timestampMs;
      return 0;
    }
    if (timestampMs > this.#maxTimestampMs) this.#maxTimestampMs = timestampMs;
    return timestampMs - this.#baseTimestampMs;
  }

  /** Where to write next, with room for that many bytes. */
  #room(byteCount: number): number {
    const needed = this.#position + byteCount;
    if (needed > this.#memory.length) this.#grow(needed);
    return this.#position;
  }

  #grow(needed: number): void {
    if (needed > maxBatchBytes) {
      throw protocolErrors.error('unencodable', {
        message: `a batch of ${needed} bytes is longer than its length field`,
      });
    }
    const larger = this.#take(Math.max(needed, 2 * this.#memory.length));
    this.#memory.copy(larger, 0, 0, this.#position);
    this.#source?.give(this.#memory);
    this.#memory = larger;
  }

  #take(minBytes: number): Buffer {
    return this.#source?.take(minBytes) ?? Buffer.allocUnsafeSlow(minBytes);
  }
}

function varintBytes(value: number): number {
  const zigzag = ((value << 1) ^ (value >> 31)) >>> 0;
  if (zigzag < 0x80) return 1;
  if (zigzag < 0x4000) return 2;
  if (zigzag < 0x20_0000) return 3;
  return zigzag < 0x1000_0000 ? 4 : 5;
}

function putVarint(memory: Buffer, at: number, value: number): number {
  let rest = ((value << 1) ^ (value >> 31)) >>> 0;
  let position = at;
  while (rest >= 0x80) {
    memory[position++] = rest | 0x80;
    rest >>>= 7;
  }
  memory[position++] = rest;
  return position;
}

/** Zigzag of a number beyond 32 bits; exact below 2^52, which milliseconds never reach. */
function longZigzag(value: number): number {
  return value < 0 ? -2 * value - 1 : 2 * value;
}

function varlongBytes(value: number): number {
  if ((value | 0) === value) return varintBytes(value);
  let count = 1;
  for (let rest = longZigzag(value); rest >= 0x80; rest = Math.floor(rest / 128)) count++;
  return count;
}

function putVarlong(memory: Buffer, at: number, value: number): number {
  if ((value | 0) === value) return putVarint(memory, at, value);
  let position = at;
  let rest = longZigzag(value);
  for (; rest >= 0x80; rest = Math.floor(rest / 128)) memory[position++] = (rest % 128) | 0x80;
  memory[position++] = rest;
  return position;
}

/** A length, -1 for null, and the bytes. */
function sizedBytes(value: Buffer | null): number {
  return value === null ? 1 : varintBytes(value.length) + value.length;
}

function putSized(memory: Buffer, at: number, value: Buffer | null): number {
  if (value === null) return putVarint(memory, at, -1);
  const position = putVarint(memory, at, value.length);
  value.copy(memory, position);
  return position + value.length;
}
