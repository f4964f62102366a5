/** Puts the parts of one partition's log together from what recovery found. */

import path from 'node:path';
import type { Disk, DiskFile } from '../base/disk.ts';
import type { MillraceError } from '../base/errors.ts';
import { readLeaderEpochs, writeLeaderEpochs } from './checkpoints.ts';
import { logErrors } from './error-codes.ts';
import { leaderEpochsName, partitionMetadataName } from './file-names.ts';
import { Gate } from './gate.ts';
import type { LogConfig } from './log-config.ts';
import type { LogParts, LogServices } from './log-parts.ts';
import { LogReader } from './log-reader.ts';
import type { LogState } from './log-state.ts';
import { LogWriter } from './log-writer.ts';
import { Mutex } from './mutex.ts';
import { PartitionLog } from './partition-log.ts';
import { ProducerTable } from './producer-table.ts';
import type { RecoveredLog } from './recovery.ts';
import { Segment } from './segment.ts';
import { SegmentList } from './segment-list.ts';
import { deleteBefore } from './segment-removal.ts';
import { topicIdIn } from './topic-id.ts';

export interface LogIdentity {
  readonly topic: string;
  readonly partition: number;
  readonly folder: string;
  readonly config: LogConfig;
  readonly isConfigured: boolean;
  /** From its checkpoint; 0 when nothing is known. */
  readonly cleanedOffset: number;
  readonly leaderEpoch: number;
}

export function assembleLog(services: LogServices, identity: LogIdentity, recovered: RecoveredLog): LogParts {
  const state = stateOf(identity, recovered);
  const gate = new Gate();
  const structure = new Mutex();
  const listeners = new Set<() => void>();
  const reader = new LogReader({ state, gate, ...services });
  const writer = new LogWriter({
    ...services,
    state,
    file: recovered.file,
    syncs: services.durability !== 'os',
    prepare: (startOffset) => prepare(services.disk, state, startOffset),
    onAdvance: () => {
      for (const listener of listeners) listener();
    },
    onRoll: (ended) => services.indexes.manage(ended),
  });
  const { clock, durability } = services;
  const log = new PartitionLog({
    clock,
    durability,
    state,
    writer,
    reader,
    listeners,
    leaderEpochs: () => readLeaderEpochs(services.disk, path.join(state.folder, leaderEpochsName)),
    deleteBefore: (offset) => structure.run(() => deleteBefore(parts, offset)),
  });
  for (const segment of recovered.segments.slice(0, -1)) services.indexes.manage(segment);
  const parts: LogParts = { services, state, gate, structure, writer, log };
  return parts;
}

function stateOf(identity: LogIdentity, recovered: RecoveredLog): LogState {
  const segments = new SegmentList(recovered.segments);
  return {
    ...identity,
    topicId: '',
    segments,
    producers: recovered.producers,
    logStartOffset: recovered.logStartOffset,
    logEndOffset: recovered.logEndOffset,
    highWatermark: recovered.logEndOffset,
    durableOffset: recovered.logEndOffset,
    syncedOffset: recovered.logEndOffset,
    cleanedOffset: identity.cleanedOffset <= recovered.logEndOffset ? identity.cleanedOffset : 0,
    visibleEnd: { segment: segments.active, position: segments.active.sizeBytes },
  };
}

/** Before the first batch of this start: what only a log that is written needs to know. */
async function prepare(disk: Disk, state: LogState, startOffset: number): Promise<void> {
  state.topicId = topicIdIn(await disk.readFile(path.join(state.folder, partitionMetadataName)));
  await noteEpoch(disk, state, startOffset);
}

/** Kafka's `leader-epoch-checkpoint`: one line per epoch that wrote anything. */
async function noteEpoch(disk: Disk, { folder, leaderEpoch }: LogState, startOffset: number): Promise<void> {
  const file = path.join(folder, leaderEpochsName);
  // Entries at or behind the new start belong to batches that a crash took.
  const kept = (await readLeaderEpochs(disk, file)).filter((entry) => entry.startOffset < startOffset);
  if (kept.at(-1)?.epoch === leaderEpoch) return;
  await writeLeaderEpochs(disk, file, [...kept, { epoch: leaderEpoch, startOffset }]);
}

export interface Refusal {
  readonly error: MillraceError;
  /** From their checkpoints: kept as they are. */
  readonly recoveryPoint: number;
  readonly logStartOffset: number;
}

/**
 * A log whose files were refused: every append answers with a storage error, every read rejects with `error`, and nothing
 * is touched. Its end lies behind its start, so that nobody takes it for an empty log without reading.
 */
export function assembleRefused(services: LogServices, identity: LogIdentity, refusal: Refusal): LogParts {
  const { recoveryPoint, logStartOffset, error } = refusal;
  const parts = assembleLog(services, identity, {
    segments: [Segment.empty({ folder: identity.folder, baseOffset: logStartOffset })],
    file: untouchedFile(identity.folder),
    producers: new ProducerTable({ maxProducers: 0 }),
    logStartOffset,
    logEndOffset: Math.max(recoveryPoint, logStartOffset + 1),
  });
  parts.state.durableOffset = recoveryPoint;
  parts.state.syncedOffset = recoveryPoint;
  parts.writer.fail(error);
  return parts;
}

function untouchedFile(path: string): DiskFile {
  const refuse = () => Promise.reject(logErrors.error('closed', { message: 'the partition is refused', where: path }));
  return { path, read: refuse, write: refuse, sync: refuse, truncate: refuse, size: refuse, close: async () => {} };
}
