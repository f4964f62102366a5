/** A partition's producers in a `.snapshot` file, in Kafka's format: what recovery starts from instead of reading every batch. */

import path from 'node:path';
import type { Disk } from '../base/disk.ts';
import { crc32c } from '../protocol/crc32c.ts';
import { segmentFileName } from './file-names.ts';
import {
  type ProducerBatch,
  type ProducerEntry,
  type ProducerTable,
  rememberedBatches,
  sequenceBefore,
} from './producer-table.ts';

const version = 1;
/** int16 version, uint32 CRC32C of everything behind it, int32 count. */
const headerBytes = 10;
const crcCoversFrom = 6;
/** int64 id, int16 epoch, int32 last sequence, int64 last offset, int32 offset delta, int64 timestamp, int32 coordinator epoch, int64 first offset of the open transaction. */
const rowBytes = 46;

/** Stands for a producer that has appended no batch with a sequence: a coordinator's, or one that a marker fenced. */
const noBatch: ProducerBatch = { firstSequence: -1, lastSequence: -1, lastOffset: -1, offsetDelta: 0, timestampMs: -1 };

export interface SnapshotContent {
  readonly producers: ProducerTable;
  /** The snapshot describes the log before this offset; batches from there on are left out. */
  readonly endOffset: number;
}

/** Writes `<endOffset>.snapshot`. Not synced: a snapshot that does not verify is passed over at the next start. */
export async function writeSnapshot(disk: Disk, folder: string, content: SnapshotContent): Promise<void> {
  const file = await disk.open(path.join(folder, segmentFileName(content.endOffset, '.snapshot')), 'create');
  try {
    const bytes = encodeSnapshot(content);
    await file.truncate(bytes.length);
    await file.write([bytes], 0);
  } finally {
    await file.close();
  }
}

/**
 * Kafka's table has one row per producer, for its last batch. Here a producer has a row for each remembered batch, oldest
 * first: a reader that keeps one row per producer keeps the last and so reads what Kafka would have written, and this
 * reader still knows a repetition of any of the five after a restart.
 */
export function encodeSnapshot({ producers, endOffset }: SnapshotContent): Buffer {
  const rows: [ProducerEntry, ProducerBatch][] = [];
  for (const entry of producers.entries()) {
    const batches = entry.batches.filter((batch) => batch.lastOffset < endOffset);
    const isKnownOtherwise =
      entry.batches.length === 0 || producers.transactions.firstOffsetAt(entry.producerId, endOffset) !== -1;
    if (batches.length === 0 && isKnownOtherwise) rows.push([entry, noBatch]);
    else for (const batch of batches) rows.push([entry, batch]);
  }
  const bytes = Buffer.alloc(headerBytes + rows.length * rowBytes);
  bytes.writeInt16BE(version, 0);
  bytes.writeInt32BE(rows.length, crcCoversFrom);
  rows.forEach(([entry, batch], index) => {
    const txnFirstOffset = producers.transactions.firstOffsetAt(entry.producerId, endOffset);
    writeRow(bytes, headerBytes + index * rowBytes, { entry, batch, txnFirstOffset });
  });
  bytes.writeUInt32BE(crc32c(bytes, crcCoversFrom), 2);
  return bytes;
}

/** The producers of a snapshot, or undefined when the bytes are no whole snapshot. `nowMs` becomes their last-seen time. */
export function decodeSnapshot(bytes: Buffer, nowMs: number): ProducerEntry[] | undefined {
  if (bytes.length < headerBytes || bytes.readInt16BE(0) !== version) return undefined;
  if (bytes.readInt32BE(crcCoversFrom) * rowBytes !== bytes.length - headerBytes) return undefined;
  if (bytes.readUInt32BE(2) !== crc32c(bytes, crcCoversFrom)) return undefined;
  const entries = new Map<number, ProducerEntry>();
  for (let at = headerBytes; at < bytes.length; at += rowBytes) {
    const row = readRow(bytes, at, nowMs);
    const before = entries.get(row.producerId);
    const isSameEpoch = before?.producerEpoch === row.producerEpoch;
    const batches = isSameEpoch ? [...before.batches.slice(1 - rememberedBatches), ...row.batches] : row.batches;
    entries.set(row.producerId, { ...row, batches });
  }
  return [...entries.values()];
}

function writeRow(
  bytes: Buffer,
  at: number,
  { entry, batch, txnFirstOffset }: { entry: ProducerEntry; batch: ProducerBatch; txnFirstOffset: number },
): void {
  bytes.writeBigInt64BE(BigInt(entry.producerId), at);
  bytes.writeInt16BE(entry.producerEpoch, at + 8);
  bytes.writeInt32BE(batch.lastSequence, at + 10);
  bytes.writeBigInt64BE(BigInt(batch.lastOffset), at + 14);
  bytes.writeInt32BE(batch.offsetDelta, at + 22);
  bytes.writeBigInt64BE(BigInt(batch.timestampMs), at + 26);
  bytes.writeInt32BE(entry.coordinatorEpoch, at + 34);
  bytes.writeBigInt64BE(BigInt(txnFirstOffset), at + 38);
}

function readRow(bytes: Buffer, at: number, nowMs: number): ProducerEntry {
  const lastSequence = bytes.readInt32BE(at + 10);
  const offsetDelta = bytes.readInt32BE(at + 22);
  const batch: ProducerBatch = {
    firstSequence: sequenceBefore(lastSequence, offsetDelta),
    lastSequence,
    lastOffset: Number(bytes.readBigInt64BE(at + 14)),
    offsetDelta,
    timestampMs: Number(bytes.readBigInt64BE(at + 26)),
  };
  return {
    producerId: Number(bytes.readBigInt64BE(at)),
    producerEpoch: bytes.readInt16BE(at + 8),
    // A producer known only by a transaction marker has no sequence yet.
    batches: lastSequence < 0 ? [] : [batch],
    lastSeenMs: nowMs,
    coordinatorEpoch: bytes.readInt32BE(at + 34),
    currentTxnFirstOffset: Number(bytes.readBigInt64BE(at + 38)),
  };
}
