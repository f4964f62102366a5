/** One segment of a log: its file, its two sparse indexes and what is known about the batches in it. */

import path from 'node:path';
import type { Disk } from '../base/disk.ts';
import { batchLastOffset, batchMaxTimestampMs, batchSizeBytes } from '../protocol/batch-header.ts';
import { AbortedIndex, type AbortedTransaction } from './aborted-index.ts';
import type { SegmentSuffix } from './file-names.ts';
import { segmentFileName } from './file-names.ts';
import { OffsetIndex } from './offset-index.ts';
import { TimeIndex } from './time-index.ts';

export class Segment {
  readonly baseOffset: number;
  readonly folder: string;
  sizeBytes = 0;
  nextOffset: number;
  /** -1 while no batch has a timestamp. */
  maxTimestampMs = -1;
  /** The last offset of the first batch that has the largest timestamp. */
  offsetOfMaxTimestamp = -1;
  /** Wall time the age of the segment counts from; undefined while it is empty. */
  rollBaseMs: number | undefined;
  /** Not part of the log any more: deleted, or replaced by a compacted segment. */
  isRetired = false;

  /** Undefined while it is only on disk. */
  aborted: AbortedIndex | undefined;
  /** The size of the index of aborted transactions: nobody asks for it when it is empty. */
  abortedBytes = 0;

  #offsetIndex: OffsetIndex | undefined;
  #timeIndex: TimeIndex | undefined;
  #bytesSinceEntry = 0;

  constructor(options: { folder: string; baseOffset: number }) {
    this.folder = options.folder;
    this.baseOffset = options.baseOffset;
    this.nextOffset = options.baseOffset;
  }

  /** A segment with no file yet; its indexes grow with it. */
  static empty(options: { folder: string; baseOffset: number }): Segment {
    const segment = new Segment(options);
    segment.#offsetIndex = new OffsetIndex(options.baseOffset);
    segment.#timeIndex = new TimeIndex(options.baseOffset);
    segment.aborted = new AbortedIndex();
    return segment;
  }

  filePath(suffix: SegmentSuffix): string {
    return path.join(this.folder, segmentFileName(this.baseOffset, suffix));
  }

  get logPath(): string {
    return this.filePath('.log');
  }

  /** Undefined when the indexes are only on disk. */
  get indexes(): { readonly offsets: OffsetIndex; readonly times: TimeIndex } | undefined {
    if (this.#offsetIndex === undefined || this.#timeIndex === undefined) return undefined;
    return { offsets: this.#offsetIndex, times: this.#timeIndex };
  }

  /** Indexes read from disk or rebuilt by a scan. */
  adoptIndexes(offsets: OffsetIndex, times: TimeIndex): void {
    this.#offsetIndex = offsets;
    this.#timeIndex = times;
    const last = times.last();
    if (last === undefined || last.timestampMs <= this.maxTimestampMs) return;
    this.maxTimestampMs = last.timestampMs;
    this.offsetOfMaxTimestamp = last.offset;
  }

  /** Forgets the indexes of a segment that is written no more; they are read again when needed. */
  dropIndexes(): void {
    this.#offsetIndex = undefined;
    this.#timeIndex = undefined;
  }

  /** What a batch at `at` of `buffer`, which now stands at the end of the file, changes in sizes, times and indexes. */
  note(buffer: Buffer, at: number, indexIntervalBytes: number): void {
    const position = this.sizeBytes;
    const sizeBytes = batchSizeBytes(buffer, at);
    const lastOffset = batchLastOffset(buffer, at);
    const timestampMs = batchMaxTimestampMs(buffer, at);
    if (timestampMs > this.maxTimestampMs) {
      this.maxTimestampMs = timestampMs;
      this.offsetOfMaxTimestamp = lastOffset;
    }
    if (this.#bytesSinceEntry > indexIntervalBytes) {
      this.#offsetIndex!.append(lastOffset, position);
      if (this.maxTimestampMs >= 0) this.#timeIndex!.append(this.maxTimestampMs, this.offsetOfMaxTimestamp);
      this.#bytesSinceEntry = 0;
    }
    this.#bytesSinceEntry += sizeBytes;
    this.sizeBytes += sizeBytes;
    this.nextOffset = lastOffset + 1;
  }

  /** A marker in this segment aborts the transaction. */
  noteAborted(transaction: AbortedTransaction): void {
    this.aborted?.append(transaction);
    this.abortedBytes = this.aborted?.sizeBytes ?? 0;
  }

  /**
   * Writes the indexes as they are now, the time index with an entry that closes it. Synced: the largest timestamp of a
   * segment is taken from its time index, and a short one would pass for whole.
   */
  async writeIndexes(disk: Disk): Promise<void> {
    const indexes = this.indexes;
    if (indexes === undefined) return;
    if (this.maxTimestampMs >= 0) indexes.times.append(this.maxTimestampMs, this.offsetOfMaxTimestamp);
    await overwrite(disk, this.filePath('.index'), indexes.offsets.bytes());
    await overwrite(disk, this.filePath('.timeindex'), indexes.times.bytes());
    if (this.aborted !== undefined) await this.writeAborted(disk, this.aborted);
  }

  /** Also when there are none: a file that is missing means that nobody knows. */
  async writeAborted(disk: Disk, aborted: AbortedIndex): Promise<void> {
    await overwrite(disk, this.filePath('.txnindex'), aborted.bytes());
  }
}

async function overwrite(disk: Disk, file: string, content: Buffer): Promise<void> {
  const handle = await disk.open(file, 'create');
  try {
    await handle.truncate(content.length);
    if (content.length > 0) await handle.write([content], 0);
    await handle.sync();
  } finally {
    await handle.close();
  }
}
