/** Builds one record batch from value slices or whole records, in one growing buffer and without an object per record. */

import { LineFramer } from '../base/kernels/line-framer.ts';
import { BATCH_HEADER_BYTES, type BatchProducer, sealCrc, writeBatchHeader } from './batch-header.ts';
import type { BatchMemory } from './batch-memory.ts';
import { type Codec, codecIds, compress } from './compression.ts';
import { protocolErrors } from './error-codes.ts';
import { putSized, putVarint, putVarlong, sizedBytes, varintBytes, varlongBytes } from './record-varints.ts';

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
  /** The checksum is left to whoever sets the producer fields, which it covers: an idempotent producer. */
  readonly isLeftUnsealed?: boolean;
}

/** How far `appendLines` goes. */
export interface LineLimits {
  /** Of every record. */
  readonly timestampMs: number;
  /** A longer line ends the call. */
  readonly maxLineBytes: number;
  readonly maxRecords: number;
  /** The batch may become this large. */
  readonly maxBatchBytes: number;
  /** Ends the call once it is used up; each record takes the bytes of its value and `recordCostBytes`. */
  readonly budgetBytes: number;
  readonly recordCostBytes: number;
}

export interface AppendedLines {
  /** Bytes that became records, newlines included. */
  readonly consumedBytes: number;
  readonly recordCount: number;
  /** Of the values alone. */
  readonly payloadBytes: number;
  /** The next line is an ordinary one that does not fit this batch any more. */
  readonly isFull: boolean;
}

const noProducer: BatchProducer = { producerId: -1, producerEpoch: -1, baseSequence: -1 };

/** [start, end) of some bytes; a start of -1 stands for null. One object may be filled anew for each record. */
export interface ByteRange {
  readonly start: number;
  readonly end: number;
}

export interface BatchBuilderOptions {
  /** What a batch is expected to need; 16 KiB unless told. */
  readonly initialBytes?: number;
  /** Where memory comes from, when finished batches are given back there. */
  readonly memory?: BatchMemory;
}

/** One for the thread: framing is synchronous. Made when first needed, since few threads append lines. */
let framer: LineFramer | undefined;

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
    const timestampDelta = this.#noteTimestamp(timestampMs);
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

  /** A record without headers: key and value are ranges of `bytes`, copied before the call returns; a start of -1 is null. */
  appendKeyed(bytes: Buffer, key: ByteRange, value: ByteRange, timestampMs: number): void {
    const timestampDelta = this.#noteTimestamp(timestampMs);
    const offsetDelta = this.#count;
    const bodyBytes =
      2 + varlongBytes(timestampDelta) + varintBytes(offsetDelta) + sizedRangeBytes(key) + sizedRangeBytes(value);
    let at = this.#room(bodyBytes + 5);
    const memory = this.#memory;
    at = putVarint(memory, at, bodyBytes);
    memory[at++] = 0; // Attributes, unused so far.
    at = putVarlong(memory, at, timestampDelta);
    at = putVarint(memory, at, offsetDelta);
    at = putRange(memory, at, bytes, key);
    at = putRange(memory, at, bytes, value);
    memory[at++] = 0; // No headers.
    this.#position = at;
    this.#count = offsetDelta + 1;
  }

  /**
   * The whole lines at the beginning of `bytes[start, end)` as records without key and headers, each without its newline
   * and without one carriage return before it. Ends before a line that is too long or has no newline, or at a limit.
   */
  appendLines(bytes: Buffer, start: number, end: number, limits: LineLimits): AppendedLines {
    framer ??= new LineFramer();
    const { timestampMs, maxLineBytes, maxRecords, maxBatchBytes, budgetBytes, recordCostBytes } = limits;
    let at = start;
    let recordCount = 0;
    let payloadBytes = 0;
    for (;;) {
      const framed = framer.frame(bytes, at, end, {
        offsetDelta: this.#count,
        timestampDelta: this.#timestampDelta(timestampMs),
        maxLineBytes,
        maxRecords: maxRecords - recordCount,
        outputBytes: maxBatchBytes - this.#position,
        budget: budgetBytes - payloadBytes - recordCount * recordCostBytes,
        recordCost: recordCostBytes,
      });
      const { isFull } = framed;
      if (framed.recordCount === 0) return { consumedBytes: at - start, recordCount, payloadBytes, isFull };
      this.#noteTimestamp(timestampMs);
      const to = this.#room(framed.records.length);
      framed.records.copy(this.#memory, to);
      this.#position = to + framed.records.length;
      this.#count += framed.recordCount;
      at += framed.consumedBytes;
      recordCount += framed.recordCount;
      payloadBytes += framed.payloadBytes;
    }
  }

  /** A record with key, headers or a null value; everything is copied before the call returns. */
  appendRecord(record: BuilderRecord): void {
    const { key, value, headers = [] } = record;
    const timestampDelta = this.#noteTimestamp(record.timestampMs);
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
   * The finished batch with base offset 0 and, unless it is left unsealed, a valid checksum. It owns its memory: it may be patched, kept, or moved
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
    if (!options.isLeftUnsealed) sealCrc(batch, 0);
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
    return this.#count === 0 ? 0 : timestampMs - this.#baseTimestampMs;
  }

  /** The header will say so: a record with this time is being appended. */
  #noteTimestamp(timestampMs: number): number {
    const delta = this.#timestampDelta(timestampMs);
    if (this.#count === 0) this.#baseTimestampMs = timestampMs;
    if (this.#count === 0 || timestampMs > this.#maxTimestampMs) this.#maxTimestampMs = timestampMs;
    return delta;
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

function sizedRangeBytes({ start, end }: ByteRange): number {
  return start < 0 ? 1 : varintBytes(end - start) + end - start;
}

function putRange(memory: Buffer, at: number, bytes: Buffer, { start, end }: ByteRange): number {
  if (start < 0) {
    memory[at] = 1; // -1 in zigzag.
    return at + 1;
  }
  const from = putVarint(memory, at, end - start);
  bytes.copy(memory, from, start, end);
  return from + end - start;
}
