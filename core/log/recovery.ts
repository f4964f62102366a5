/** Opens the segments of one partition: verifies what no checkpoint vouches for, cuts a torn end, refuses damage. */

import type { Disk, DiskFile } from '../base/disk.ts';
import type { Logger } from '../base/logger.ts';
import {
  BATCH_HEADER_BYTES,
  batchBaseOffset,
  batchLastOffset,
  batchLeaderEpoch,
  batchMaxTimestampMs,
} from '../protocol/batch-header.ts';
import { AbortedIndex } from './aborted-index.ts';
import { type ActiveCheckpoint, readActiveCheckpoint } from './active-checkpoint.ts';
import type { LeaderEpochEntry } from './checkpoints.ts';
import { logErrors } from './error-codes.ts';
import { activeCheckpointName } from './file-names.ts';
import { readIndexes, type SegmentIndexes } from './index-cache.ts';
import type { LogConfig } from './log-config.ts';
import { ProducerTable } from './producer-table.ts';
import { RecoveryFiles } from './recovery-files.ts';
import { Segment } from './segment.ts';
import { settleSegmentFiles } from './segment-files.ts';
import { type ScanEnd, scanSegment } from './segment-scan.ts';
import { judgeTail } from './tail-judge.ts';
import { recoverProducers } from './transaction-recovery.ts';

export interface RecoveryOptions {
  readonly disk: Disk;
  readonly logger: Logger;
  readonly folder: string;
  readonly config: LogConfig;
  /** The last stop was clean: every file is as it was closed. */
  readonly isClean: boolean;
  /** Everything before this offset was durable; 0 when nothing is known. */
  readonly recoveryPoint: number;
  /** From its checkpoint; 0 when nothing is known. */
  readonly logStartOffset: number;
  readonly maxProducers: number;
  readonly nowMs: number;
}

export interface RecoveredLog {
  readonly segments: Segment[];
  /** The active segment's file, open for writing. */
  readonly file: DiskFile;
  readonly producers: ProducerTable;
  /** Leader epochs of the batches that no checkpoint vouched for, with the first of them. */
  readonly epochs: readonly LeaderEpochEntry[];
  readonly logStartOffset: number;
  readonly logEndOffset: number;
}

interface Recovery extends RecoveryOptions {
  readonly files: RecoveryFiles;
  /** Of the active segment, after a crash. */
  checkpoint: ActiveCheckpoint | undefined;
  /** After a crash: of the batches that were read. */
  readonly epochs: LeaderEpochEntry[];
}

/** Rejects with `log/damaged`, having changed nothing but leftovers of interrupted work. */
export async function recoverLog(options: RecoveryOptions): Promise<RecoveredLog> {
  const files = new RecoveryFiles(options.disk);
  try {
    return await recoverWith({ ...options, files, checkpoint: undefined, epochs: [] });
  } finally {
    await files.close();
  }
}

async function recoverWith(options: Recovery): Promise<RecoveredLog> {
  const { disk, folder, files } = options;
  const { bases, names } = await settleSegmentFiles(disk, folder);
  const segments = await measureSegments(options, bases);
  await dropEmptyLast(options, segments);
  if (segments.length === 0) await begin(options, segments);
  if (!options.isClean && names.has(activeCheckpointName)) {
    options.checkpoint = await readActiveCheckpoint(disk, segments.at(-1)!);
  }
  const firstScanned = options.isClean ? segments.length - 1 : indexOfFloor(segments, options.recoveryPoint);
  for (let index = firstScanned; index < segments.length; index += 1) {
    segments[index] = await openOne(options, segments[index]!, segments[index + 1]);
  }
  const logEndOffset = segments.at(-1)!.nextOffset;
  if (logEndOffset < options.recoveryPoint) {
    throw logErrors.error('damaged', {
      message: `the log ends at offset ${logEndOffset}, but everything before ${options.recoveryPoint} was durable`,
      where: segments.at(-1)!.logPath,
    });
  }
  const producers = isBlank(segments, names)
    ? noProducers(options, segments)
    : await recoverProducers(options, segments);
  await writeMissingIndexes(options.disk, segments);
  // A crash in `os` mode may have cut records that were already deleted; new ones go behind them.
  if (options.logStartOffset > logEndOffset) await begin(options, segments);
  const active = segments.at(-1)!;
  return {
    segments,
    file: await files.take(active),
    producers,
    epochs: options.epochs,
    logStartOffset: Math.max(options.logStartOffset, segments[0]!.baseOffset),
    logEndOffset: active.nextOffset,
  };
}

/** Nothing was ever written, and no file says otherwise: most of many thousand partitions may be so. */
function isBlank(segments: readonly Segment[], names: ReadonlySet<string>): boolean {
  if (segments.at(-1)!.nextOffset > 0 || names.has(activeCheckpointName)) return false;
  for (const name of names) if (name.endsWith('.snapshot') || name.endsWith('.txnindex')) return false;
  return true;
}

function noProducers({ maxProducers }: Recovery, segments: readonly Segment[]): ProducerTable {
  segments.at(-1)!.aborted = new AbortedIndex();
  return new ProducerTable({ maxProducers });
}

async function measureSegments({ files, folder }: Recovery, bases: readonly number[]): Promise<Segment[]> {
  const segments: Segment[] = [];
  for (const baseOffset of bases) {
    const segment = new Segment({ folder, baseOffset });
    segment.sizeBytes = await (await files.of(segment)).size();
    const before = segments.at(-1);
    if (before !== undefined) before.nextOffset = baseOffset;
    segments.push(segment);
  }
  return segments;
}

/** Adds an empty segment at the log start, durably: a batch that is synced in a file without a durable name could vanish. */
async function begin({ disk, files, folder, logStartOffset }: Recovery, segments: Segment[]): Promise<void> {
  const segment = Segment.empty({ folder, baseOffset: logStartOffset });
  await files.of(segment);
  await disk.syncFolder(folder);
  segments.push(segment);
}

/** A segment that was begun and never written: the one before it is the active one again, and is scanned as such. */
async function dropEmptyLast({ disk, files, isClean }: Recovery, segments: Segment[]): Promise<void> {
  const last = segments.at(-1);
  if (isClean || last === undefined || last.sizeBytes > 0 || segments.length === 1) return;
  segments.pop();
  await files.close();
  await disk.remove(last.logPath);
}

function indexOfFloor(segments: readonly Segment[], offset: number): number {
  let index = segments.length - 1;
  while (index > 0 && segments[index]!.baseOffset > offset) index -= 1;
  return index;
}

/** Verifies a segment as far as nothing vouches for it, with its indexes; cuts or refuses what is not intact. */
async function openOne(options: Recovery, listed: Segment, next: Segment | undefined): Promise<Segment> {
  const { disk, config, nowMs } = options;
  const isActive = next === undefined;
  const indexes = options.isClean ? await readIndexes(disk, listed) : isActive ? vouchedFor(options) : undefined;
  const opened = (await resumed(options, listed, indexes)) ?? Segment.empty(listed);
  // The records' own time, but never one of the future: the segment would not end by age.
  if (opened.rollBaseMs !== undefined) opened.rollBaseMs = Math.min(opened.rollBaseMs, nowMs);
  // Made with the producers, or read from its file.
  opened.aborted = undefined;
  const file = await options.files.of(listed);
  const end = await scanSegment(file, {
    position: opened.sizeBytes,
    sizeBytes: listed.sizeBytes,
    minOffset: opened.nextOffset,
    onBatch: (buffer, at) => {
      opened.rollBaseMs ??= Math.min(nowMs, Math.max(batchMaxTimestampMs(buffer, at), 0));
      opened.note(buffer, at, config.indexIntervalBytes);
      if (!options.isClean) noteEpoch(options.epochs, buffer, at);
    },
  });
  const broken = { file, segment: listed, end, isLast: next === undefined };
  if (end.problem !== undefined) await cutOrRefuse(options, broken);
  if (next !== undefined && end.nextOffset > next.baseOffset) {
    throw refusal(broken, `the next segment begins at offset ${next.baseOffset}`);
  }
  // What a crash of the process alone left in the page cache counts as durable from now on, so it has to be.
  const isDurable = end.problem === undefined && end.nextOffset <= options.recoveryPoint;
  if (!options.isClean && !isDurable) await file.sync();
  if (next !== undefined) {
    opened.nextOffset = next.baseOffset;
    await opened.writeIndexes(disk);
  }
  return opened;
}

function noteEpoch(epochs: LeaderEpochEntry[], buffer: Buffer, at: number): void {
  const epoch = batchLeaderEpoch(buffer, at);
  if (epochs.at(-1)?.epoch !== epoch) epochs.push({ epoch, startOffset: batchBaseOffset(buffer, at) });
}

/** After a crash: the indexes of the active segment as far as its batches were durable. What lies before was verified when it was appended. */
function vouchedFor({ checkpoint, recoveryPoint }: Recovery): SegmentIndexes | undefined {
  const offsets = checkpoint?.offsets.before(recoveryPoint);
  const last = offsets?.last();
  if (checkpoint === undefined || offsets === undefined || last === undefined) return undefined;
  return { offsets, times: checkpoint.times.upTo(last.offset) };
}

/** The segment up to its last index entry; undefined when the indexes do not allow it. */
async function resumed(
  { files }: Recovery,
  listed: Segment,
  indexes: SegmentIndexes | undefined,
): Promise<Segment | undefined> {
  const last = indexes?.offsets.last();
  if (indexes === undefined || last === undefined) return undefined;
  const header = Buffer.alloc(BATCH_HEADER_BYTES);
  const file = await files.of(listed);
  await file.read(header, 0);
  const firstTimestampMs = batchMaxTimestampMs(header, 0);
  if ((await file.read(header, last.position)) < BATCH_HEADER_BYTES) header.fill(0);
  if (batchLastOffset(header, 0) !== last.offset) return undefined;
  const segment = Segment.empty(listed);
  segment.adoptIndexes(indexes.offsets, indexes.times);
  segment.sizeBytes = last.position;
  segment.nextOffset = batchBaseOffset(header, 0);
  segment.rollBaseMs = Math.max(firstTimestampMs, 0);
  return segment;
}

interface BrokenSegment {
  readonly file: DiskFile;
  readonly segment: Segment;
  readonly end: ScanEnd;
  readonly isLast: boolean;
}

function refusal({ segment, end }: BrokenSegment, why: string) {
  return logErrors.error('damaged', {
    message: `${end.problem ?? 'the segment is too long'} at offset ${end.nextOffset}; ${why}`,
    where: `${segment.logPath}, position ${end.position}`,
  });
}

async function cutOrRefuse(options: RecoveryOptions, broken: BrokenSegment): Promise<void> {
  const { file, segment, end } = broken;
  if (!broken.isLast) throw refusal(broken, 'a later segment follows');
  if (end.nextOffset < options.recoveryPoint) {
    throw refusal(broken, `everything before offset ${options.recoveryPoint} was durable`);
  }
  if (options.isClean) throw refusal(broken, 'the last stop was clean');
  const verdict = await judgeTail(file, { ...end, sizeBytes: segment.sizeBytes });
  if (verdict.kind === 'damaged')
    throw refusal(broken, `an intact batch follows at position ${verdict.intactPosition}`);
  const cutBytes = segment.sizeBytes - end.position;
  options.logger.warn(
    { file: segment.logPath, position: end.position, cutBytes, nextOffset: end.nextOffset, isZero: verdict.isZero },
    'a torn end, never acknowledged as durable, was cut off the log',
  );
  await file.truncate(end.position);
}

/** Of aborted transactions, where recovery had to make them; the active segment's is written when it ends. */
async function writeMissingIndexes(disk: Disk, segments: readonly Segment[]): Promise<void> {
  for (const segment of segments.slice(0, -1)) {
    if (segment.aborted === undefined) continue;
    await segment.writeAborted(disk, segment.aborted);
    segment.aborted = undefined;
  }
}

/** The indexes of one segment, made anew from its batches and written. */
export async function rebuildIndexes(disk: Disk, segment: Segment, indexIntervalBytes: number) {
  const fresh = Segment.empty(segment);
  fresh.aborted = undefined;
  const file = await disk.open(segment.logPath, 'read');
  try {
    await scanSegment(file, {
      position: 0,
      sizeBytes: segment.sizeBytes,
      minOffset: segment.baseOffset,
      onBatch: (buffer, at) => fresh.note(buffer, at, indexIntervalBytes),
    });
  } finally {
    await file.close();
  }
  await fresh.writeIndexes(disk);
  return fresh.indexes!;
}
