/** Puts the parts of one partition's log together from what recovery found. */

import type { DiskFile } from '../base/disk.ts';
import type { MillraceError } from '../base/errors.ts';
import { leaderEpochsOf } from './epoch-notes.ts';
import { logErrors } from './error-codes.ts';
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

export interface LogIdentity {
  readonly topic: string;
  readonly partition: number;
  readonly folder: string;
  /** Empty when the folder does not say. */
  readonly topicId: string;
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
    onFirstWrite: (startOffset) => {
      state.begunEpochs = [...state.begunEpochs, { epoch: state.leaderEpoch, startOffset }];
    },
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
    leaderEpochs: () => leaderEpochsOf(services.disk, state),
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
    segments,
    producers: recovered.producers,
    begunEpochs: recovered.epochs,
    logStartOffset: recovered.logStartOffset,
    logEndOffset: recovered.logEndOffset,
    highWatermark: recovered.logEndOffset,
    durableOffset: recovered.logEndOffset,
    syncedOffset: recovered.logEndOffset,
    cleanedOffset: identity.cleanedOffset <= recovered.logEndOffset ? identity.cleanedOffset : 0,
    visibleEnd: { segment: segments.active, position: segments.active.sizeBytes },
  };
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
    epochs: [],
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
