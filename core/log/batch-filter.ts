/** What compaction leaves of one batch: pure. Offsets never change, producer fields stay, tombstones get a date to go. */

import {
  BATCH_HEADER_BYTES,
  batchBaseOffset,
  batchBaseTimestampMs,
  batchCodec,
  batchProducerId,
  batchRecordCount,
  isTransactional,
} from '../protocol/batch-header.ts';
import { codecOf, compress, decompress } from '../protocol/compression.ts';
import { RecordScanner } from '../protocol/record-scanner.ts';
import { clearHorizon, hasHorizon, type RecordSpan, sealed, setHorizon, withTimestampDelta } from './delete-horizon.ts';
import { logErrors } from './error-codes.ts';
import type { KeyOffsets } from './key-offsets.ts';
import { isLastOfProducer, type ProducerEnds } from './producer-ends.ts';

/** The records of one producer in a transaction that ended in an abort; its marker stands at `lastOffset`. */
export interface AbortedRange {
  readonly producerId: number;
  readonly firstOffset: number;
  readonly lastOffset: number;
}

export interface FilterRules {
  /** The last offset of every key in the range that was never compared before. */
  readonly newest: KeyOffsets;
  readonly nowMs: number;
  /** Until when tombstones that are compacted for the first time stay. */
  readonly horizonMs: number;
  /** The last batch of each producer stays, be it empty, or its next sequence would be unknown after a restart. */
  readonly producers: ProducerEnds;
  /** Transactions that were aborted: their records go at once. */
  readonly aborted: readonly AbortedRange[];
  /** The batch that ends a segment stays, be it empty: the segment keeps its end. */
  readonly keepsEmpty: boolean;
  readonly maxDecompressedBytes: number;
}

const codecMask = 0x07;

/** For a batch that is no control batch: the batch itself when nothing changes, a new one, or undefined when nothing of it is needed. Throws `log/damaged`. */
export function filterBatch(batch: Buffer, rules: FilterRules): Buffer | undefined {
  if (isAborted(batch, rules.aborted)) return isNeededEmpty(batch, rules) ? emptied(batch) : undefined;
  const records = recordBytes(batch, rules.maxDecompressedBytes);
  const kept = keptRecords(batch, records, rules);
  const isWhole = kept.records.length === batchRecordCount(batch, 0);
  if (isWhole && kept.newHorizonMs === undefined) {
    if (kept.records.length > 0 || isNeededEmpty(batch, rules)) return batch;
    return undefined;
  }
  if (kept.records.length === 0) return isNeededEmpty(batch, rules) ? emptied(batch) : undefined;
  const body =
    kept.newHorizonMs === undefined
      ? Buffer.concat(kept.records.map(({ start, end }) => records.subarray(start, end)))
      : Buffer.concat(
          kept.records.map((record) =>
            withTimestampDelta(records, record, batchBaseTimestampMs(batch, 0) - kept.newHorizonMs!),
          ),
        );
  return rebuilt(batch, { body, count: kept.records.length, horizonMs: kept.newHorizonMs });
}

export function isAborted(batch: Buffer, aborted: readonly AbortedRange[]): boolean {
  if (aborted.length === 0 || !isTransactional(batch, 0)) return false;
  const producerId = batchProducerId(batch, 0);
  const offset = batchBaseOffset(batch, 0);
  return aborted.some(
    (range) => range.producerId === producerId && range.firstOffset <= offset && offset < range.lastOffset,
  );
}

function isNeededEmpty(batch: Buffer, rules: FilterRules): boolean {
  return rules.keepsEmpty || isLastOfProducer(batch, rules.producers);
}

function recordBytes(batch: Buffer, maxBytes: number): Buffer {
  const stored = batch.subarray(BATCH_HEADER_BYTES);
  const codec = codecOf(batchCodec(batch, 0));
  if (codec === undefined) throw damaged(batch, `the compression type ${batchCodec(batch, 0)} does not exist`);
  return decompress(codec, stored, maxBytes);
}

const scanner = new RecordScanner(Buffer.alloc(0));

function keptRecords(
  batch: Buffer,
  bytes: Buffer,
  rules: FilterRules,
): { records: RecordSpan[]; newHorizonMs: number | undefined } {
  const baseOffset = batchBaseOffset(batch, 0);
  const horizonMs = hasHorizon(batch) ? batchBaseTimestampMs(batch, 0) : undefined;
  const records: RecordSpan[] = [];
  let hasTombstone = false;
  scanner.setBuffer(bytes);
  let start = 0;
  for (let left = batchRecordCount(batch, 0); left > 0; left -= 1) {
    const end = scanner.scan(start, bytes.length);
    if (end < 0) throw damaged(batch, 'a record does not fit its batch');
    const { keyStart, keyEnd, timestampDelta } = scanner;
    const isTombstone = scanner.valueStart < 0;
    // A record without a key can be nobody's older version; it came before the topic was compacted.
    const isNewest = keyStart < 0 || rules.newest.get(bytes, keyStart, keyEnd) <= baseOffset + scanner.offsetDelta;
    const isDue = isTombstone && keyStart >= 0 && horizonMs !== undefined && horizonMs <= rules.nowMs;
    if (isNewest && !isDue) {
      records.push({ start, end, timestampDelta });
      hasTombstone ||= isTombstone;
    }
    start = end;
  }
  const newHorizonMs = hasTombstone && horizonMs === undefined ? rules.horizonMs : undefined;
  return { records, newHorizonMs };
}

function rebuilt(
  batch: Buffer,
  { body, count, horizonMs }: { body: Buffer; count: number; horizonMs: number | undefined },
): Buffer {
  const codec = codecOf(batchCodec(batch, 0))!;
  const result = Buffer.concat([batch.subarray(0, BATCH_HEADER_BYTES), compress(codec, body)]);
  if (horizonMs !== undefined) setHorizon(result, horizonMs);
  return sealed(result, count);
}

/** A header alone: it keeps the offsets and the producer's sequence. */
function emptied(batch: Buffer): Buffer {
  const result = Buffer.from(batch.subarray(0, BATCH_HEADER_BYTES));
  result[22]! &= ~codecMask;
  clearHorizon(result);
  result.writeBigInt64BE(-1n, 27);
  result.writeBigInt64BE(-1n, 35);
  return sealed(result, 0);
}

function damaged(batch: Buffer, message: string) {
  return logErrors.error('damaged', { message, where: `batch at offset ${batchBaseOffset(batch, 0)}` });
}
