/** Walks the records of fetched batches one by one without allocating, decompressing where needed. */

import type { MillraceError } from '../base/errors.ts';
import {
  BATCH_HEADER_BYTES,
  batchBaseOffset,
  batchBaseTimestampMs,
  batchCodec,
  batchCrc,
  batchLastOffset,
  batchMagic,
  batchMaxTimestampMs,
  batchRecordCount,
  batchSizeBytes,
  computeBatchCrc,
  isControl,
  isLogAppendTime,
} from './batch-header.ts';
import { codecOf, decompress } from './compression.ts';
import { protocolErrors } from './error-codes.ts';
import { type HeaderRange, RecordScanner } from './record-scanner.ts';

const noBytes = Buffer.alloc(0);

export interface RecordCursorOptions {
  readonly topic?: string;
  readonly partition?: number;
  /** Verifies the checksum of each batch before its records are shown (`check.crcs`); on unless false. */
  readonly checkCrcs?: boolean;
  /** The most one batch may grow to; 64 MiB unless told. */
  readonly maxDecompressedBytes?: number;
}

export class RecordCursor {
  readonly topic: string;
  readonly partition: number;
  /** The buffer the ranges point into; another one after a step into a compressed batch. */
  bytes: Buffer = noBytes;

  readonly #checkCrcs: boolean;
  readonly #maxDecompressedBytes: number;
  readonly #scanner = new RecordScanner(noBytes);
  #batches: Buffer = noBytes;
  #fromOffset = 0;
  /** Where the next batch starts in `#batches`. */
  #nextBatch = 0;
  /** The record range still to be read in `bytes`, and how many records it must hold. */
  #at = 0;
  #end = 0;
  #left = 0;
  #baseOffset = 0;
  #baseTimestampMs = 0;
  /** The broker's append time, where it replaces the producers' times. */
  #appendTimestampMs: number | undefined;

  constructor(options: RecordCursorOptions = {}) {
    this.topic = options.topic ?? '';
    this.partition = options.partition ?? 0;
    this.#checkCrcs = options.checkCrcs ?? true;
    this.#maxDecompressedBytes = options.maxDecompressedBytes ?? 64 * 1024 * 1024;
  }

  /** Starts over on whole batches, one behind the other; a batch that is cut off at the end is left alone. */
  reset(batches: Buffer, fromOffset = 0): void {
    this.#batches = batches;
    this.#fromOffset = fromOffset;
    this.#nextBatch = 0;
    this.#left = 0;
    this.#at = 0;
    this.#end = 0;
  }

  /** Moves to the next record at or above `fromOffset`; false at the end. Throws `protocol/corrupt-batch`. */
  next(): boolean {
    for (;;) {
      while (this.#left > 0) {
        const next = this.#scanner.scan(this.#at, this.#end);
        if (next < 0) throw this.#corrupt('a record does not fit its batch');
        this.#at = next;
        this.#left -= 1;
        if (this.#baseOffset + this.#scanner.offsetDelta >= this.#fromOffset) return true;
      }
      if (this.#at !== this.#end) throw this.#corrupt('bytes are left behind the last record');
      if (!this.#openBatch()) return false;
    }
  }

  get offset(): number {
    return this.#baseOffset + this.#scanner.offsetDelta;
  }

  get timestampMs(): number {
    return this.#appendTimestampMs ?? this.#baseTimestampMs + this.#scanner.timestampDelta;
  }

  get keyStart(): number {
    return this.#scanner.keyStart;
  }

  get keyEnd(): number {
    return this.#scanner.keyEnd;
  }

  get valueStart(): number {
    return this.#scanner.valueStart;
  }

  get valueEnd(): number {
    return this.#scanner.valueEnd;
  }

  /** Decoded anew at each call; values are slices of `bytes`. */
  headers(): { key: string; value: Buffer | null }[] {
    const scanner = this.#scanner;
    const headers: { key: string; value: Buffer | null }[] = [];
    const range: HeaderRange = { keyStart: 0, keyEnd: 0, valueStart: 0, valueEnd: 0 };
    scanner.rewindHeaders();
    for (let left = scanner.headerCount; left > 0; left--) {
      if (!scanner.scanHeader(range)) throw this.#corrupt('a header does not fit its record');
      headers.push({
        key: this.bytes.toString('utf8', range.keyStart, range.keyEnd),
        value: range.valueStart < 0 ? null : this.bytes.subarray(range.valueStart, range.valueEnd),
      });
    }
    return headers;
  }

  /** Opens the next batch with anything to show; false when there is none. A damaged one is not stepped over. */
  #openBatch(): boolean {
    const batches = this.#batches;
    for (;;) {
      const at = this.#nextBatch;
      if (batches.length - at < BATCH_HEADER_BYTES) return false;
      this.#baseOffset = batchBaseOffset(batches, at);
      const sizeBytes = batchSizeBytes(batches, at);
      if (sizeBytes < BATCH_HEADER_BYTES) throw this.#corrupt(`a batch announces ${sizeBytes} bytes`);
      if (sizeBytes > batches.length - at) return false;
      if (batchMagic(batches, at) !== 2) throw this.#corrupt(`a batch has the format ${batchMagic(batches, at)}`);
      // Also of one that is passed over: what it says of itself is the reason for that.
      if (this.#checkCrcs && computeBatchCrc(batches, at) !== batchCrc(batches, at)) {
        throw this.#corrupt('the checksum of a batch does not fit its bytes');
      }
      // Control batches mark the ends of transactions; they hold nothing for a reader of records.
      const isShown = !isControl(batches, at) && batchLastOffset(batches, at) >= this.#fromOffset;
      if (isShown) this.#enter(at, sizeBytes);
      this.#nextBatch = at + sizeBytes;
      if (isShown) return true;
    }
  }

  #enter(at: number, sizeBytes: number): void {
    const batches = this.#batches;
    this.#baseTimestampMs = batchBaseTimestampMs(batches, at);
    this.#appendTimestampMs = isLogAppendTime(batches, at) ? batchMaxTimestampMs(batches, at) : undefined;
    const records = { start: at + BATCH_HEADER_BYTES, end: at + sizeBytes };
    if (batchCodec(batches, at) === 0) {
      this.bytes = batches;
      this.#at = records.start;
      this.#end = records.end;
    } else {
      const codec = codecOf(batchCodec(batches, at));
      if (codec === undefined) throw this.#corrupt(`the compression type ${batchCodec(batches, at)} does not exist`);
      this.bytes = decompress(codec, batches.subarray(records.start, records.end), this.#maxDecompressedBytes);
      this.#at = 0;
      this.#end = this.bytes.length;
    }
    this.#scanner.setBuffer(this.bytes);
    this.#left = batchRecordCount(batches, at);
  }

  #corrupt(message: string): MillraceError {
    const place = this.topic === '' ? '' : `${this.topic}-${this.partition}, `;
    return protocolErrors.error('corrupt-batch', { message, where: `${place}batch at offset ${this.#baseOffset}` });
  }
}
