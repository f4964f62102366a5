/** The work of a compaction on files alone, so that it can run in a thread of its own: finds the newest record of each key, writes segments anew without the older ones. */

import type { Clock } from '../base/clock.ts';
import type { Disk } from '../base/disk.ts';
import { batchBaseOffset, batchRecordCount, batchSizeBytes, isControl } from '../protocol/batch-header.ts';
import { RecordCursor } from '../protocol/record-cursor.ts';
import { type AbortedRange, type FilterRules, filterBatch, isAborted } from './batch-filter.ts';
import { CleanedSegment } from './cleaned-segment.ts';
import { type CompactionSegment, groupSegments } from './compaction-plan.ts';
import { IoPace } from './io-pace.ts';
import { KeyOffsets } from './key-offsets.ts';
import type { LogConfig } from './log-config.ts';
import { isAbort, MarkerFilter } from './marker-filter.ts';
import { OpenFiles } from './open-files.ts';
import type { ProducerEnds } from './producer-ends.ts';
import { Segment } from './segment.ts';
import { wholeBatches } from './whole-batches.ts';

/** Plain data: it goes to another thread. */
export interface CleaningJob {
  readonly folder: string;
  /** The ended ones, in offset order; none of them changes before the job has ended. */
  readonly segments: readonly CompactionSegment[];
  readonly config: LogConfig;
  /** Records in [from, to) were never compared with each other. */
  readonly fromOffset: number;
  readonly toOffset: number;
  readonly nowMs: number;
  readonly horizonMs: number;
  /** Where each producer wrote last. */
  readonly producers: ProducerEnds;
  /** Records of transactions that were aborted: they go at once. */
  readonly aborted: readonly AbortedRange[];
  readonly maxKeyBytes: number;
  readonly maxDecompressedBytes: number;
  /** Read and written together. */
  readonly maxBytesPerSecond: number;
}

/** A segment that is complete and durable under its `.swap` name, in place of those that begin at `replaces`. */
export interface CleanedGroup {
  readonly replaces: readonly number[];
  readonly nextOffset: number;
  readonly sizeBytes: number;
  readonly maxTimestampMs: number;
  readonly offsetOfMaxTimestamp: number;
  readonly offsetIndex: Uint8Array;
  readonly timeIndex: Uint8Array;
  /** Where markers of aborts stood that are gone: their entries in the index of aborted transactions must go with them. */
  readonly goneAborts: readonly number[];
}

export interface CleaningResult {
  /** The log is clean before this offset. */
  readonly cleanedOffset: number;
  readonly bytesBefore: number;
  readonly bytesAfter: number;
}

export interface CleaningPorts {
  readonly disk: Disk;
  readonly clock: Clock;
  readonly isStopped: () => boolean;
  /** Puts the segment in its place; the next one is begun when it resolves. */
  readonly swapIn: (group: CleanedGroup) => Promise<void>;
}

/** Undefined when it was stopped; what was swapped in stays. Rejects with `log/damaged` and disk errors. */
export async function runCleaning(job: CleaningJob, ports: CleaningPorts): Promise<CleaningResult | undefined> {
  const files = new OpenFiles({ disk: ports.disk, maxFiles: 4 });
  try {
    return await new Cleaning(job, ports, files).run();
  } finally {
    await files.close();
  }
}

class Cleaning {
  readonly #job: CleaningJob;
  readonly #ports: CleaningPorts;
  readonly #files: OpenFiles;
  readonly #pace: IoPace;
  readonly #segments: readonly Segment[];
  readonly #markers: MarkerFilter;
  #newest: KeyOffsets;
  /** Where the search for keys ended: the end of the range, or the first batch for which there was no room. */
  #endOffset: number;

  constructor(job: CleaningJob, ports: CleaningPorts, files: OpenFiles) {
    this.#job = job;
    this.#ports = ports;
    this.#files = files;
    this.#pace = new IoPace(ports.clock, job.maxBytesPerSecond);
    this.#segments = job.segments.map(({ baseOffset, nextOffset, sizeBytes }) => {
      const segment = new Segment({ folder: job.folder, baseOffset });
      segment.nextOffset = nextOffset;
      segment.sizeBytes = sizeBytes;
      return segment;
    });
    this.#markers = new MarkerFilter(job);
    this.#newest = new KeyOffsets({ maxKeys: job.toOffset - job.fromOffset, maxBytes: job.maxKeyBytes });
    this.#endOffset = job.fromOffset;
  }

  async run(): Promise<CleaningResult | undefined> {
    await this.#findNewest();
    let bytesBefore = 0;
    let bytesAfter = 0;
    const due = this.#segments.filter((segment) => segment.baseOffset < this.#endOffset);
    for (const group of groupSegments(due, this.#job.config)) {
      if (this.#ports.isStopped()) return undefined;
      bytesBefore += sizeOf(group);
      bytesAfter += await this.#cleanGroup(group);
    }
    return this.#ports.isStopped() ? undefined : { cleanedOffset: this.#endOffset, bytesBefore, bytesAfter };
  }

  async #findNewest(): Promise<void> {
    const { fromOffset, toOffset, maxDecompressedBytes } = this.#job;
    // The checksums are verified where the batches are read.
    const cursor = new RecordCursor({ checkCrcs: false, maxDecompressedBytes });
    for (const segment of this.#segments) {
      if (segment.nextOffset <= fromOffset || segment.baseOffset >= toOffset) continue;
      for await (const batches of wholeBatches(this.#files, segment)) {
        if (this.#ports.isStopped() || !this.#noteKeys(batches, cursor)) return;
        await this.#pace.spend(batches.length);
      }
      this.#endOffset = segment.nextOffset;
    }
  }

  /** False when there is no room for the keys of a batch: the search ends before it. */
  #noteKeys(batches: Buffer, cursor: RecordCursor): boolean {
    for (let at = 0; at < batches.length; at += batchSizeBytes(batches, at)) {
      if (isControl(batches, at)) continue;
      const batch = batches.subarray(at, at + batchSizeBytes(batches, at));
      // A record that was never written must not take the place of one that was.
      if (isAborted(batch, this.#job.aborted)) continue;
      if (!this.#hasRoom(batchRecordCount(batches, at))) {
        this.#endOffset = batchBaseOffset(batches, at);
        return false;
      }
      cursor.reset(batch, this.#job.fromOffset);
      while (cursor.next()) {
        const key = { start: cursor.keyStart, end: cursor.keyEnd };
        if (key.start >= 0) this.#newest.set(cursor.bytes, key, cursor.offset);
      }
    }
    return true;
  }

  /** A single batch is always taken, whatever the limit: otherwise the log would never be cleaned again. */
  #hasRoom(recordCount: number): boolean {
    if (recordCount <= this.#newest.room) return true;
    if (this.#newest.count > 0) return false;
    this.#newest = new KeyOffsets({ maxKeys: recordCount, maxBytes: Number.POSITIVE_INFINITY });
    return true;
  }

  /** Writes one segment in place of the group, unless nothing would change; returns the bytes the group takes from then on. */
  async #cleanGroup(group: readonly Segment[]): Promise<number> {
    const last = group.at(-1)!;
    const cleaned = await CleanedSegment.create(this.#ports.disk, group[0]!, this.#job.config.indexIntervalBytes);
    const goneAborts: number[] = [];
    let isChanged = false;
    try {
      for (const segment of group) {
        const change = await this.#copy(segment, { cleaned, goneAborts, isLast: segment === last });
        if (change === undefined) return 0;
        isChanged ||= change;
      }
      if (group.length === 1 && !isChanged) return sizeOf(group);
      await cleaned.finish(last.nextOffset);
      await this.#ports.swapIn({ ...describe(group, cleaned.segment), goneAborts });
      return cleaned.segment.sizeBytes;
    } finally {
      await cleaned.close();
    }
  }

  /** Whether anything of the segment changed; undefined when it was stopped. */
  async #copy(segment: Segment, { cleaned, goneAborts, isLast }: Copying): Promise<boolean | undefined> {
    const rules: FilterRules = { ...this.#job, newest: this.#newest, keepsEmpty: false };
    const endRules: FilterRules = { ...rules, keepsEmpty: true };
    let isChanged = false;
    let position = 0;
    for await (const batches of wholeBatches(this.#files, segment)) {
      if (this.#ports.isStopped()) return undefined;
      for (let at = 0; at < batches.length; at += batchSizeBytes(batches, at)) {
        const batch = batches.subarray(at, at + batchSizeBytes(batches, at));
        position += batch.length;
        const kept = this.#filter(batch, isLast && position === segment.sizeBytes ? endRules : rules);
        isChanged ||= kept !== batch;
        if (kept !== undefined) cleaned.add(kept);
        else if (isAbort(batch)) goneAborts.push(batchBaseOffset(batch, 0));
      }
      await this.#pace.spend(batches.length + (await cleaned.write()));
    }
    return isChanged;
  }

  #filter(batch: Buffer, rules: FilterRules): Buffer | undefined {
    if (isControl(batch, 0)) return this.#markers.filter(batch, { keeps: rules.keepsEmpty });
    this.#markers.note(batch);
    return filterBatch(batch, rules);
  }
}

interface Copying {
  readonly cleaned: CleanedSegment;
  /** Where markers of aborts go is added here. */
  readonly goneAborts: number[];
  /** The segment is the last one of its group. */
  readonly isLast: boolean;
}

function sizeOf(group: readonly Segment[]): number {
  return group.reduce((sum, segment) => sum + segment.sizeBytes, 0);
}

function describe(group: readonly Segment[], cleaned: Segment): Omit<CleanedGroup, 'goneAborts'> {
  const { nextOffset, sizeBytes, maxTimestampMs, offsetOfMaxTimestamp, indexes } = cleaned;
  return {
    ...{ nextOffset, sizeBytes, maxTimestampMs, offsetOfMaxTimestamp },
    replaces: group.map((segment) => segment.baseOffset),
    offsetIndex: indexes!.offsets.bytes(),
    timeIndex: indexes!.times.bytes(),
  };
}
