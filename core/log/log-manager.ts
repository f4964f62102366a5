/** All logs of a data directory: opens and recovers them, creates and deletes them, keeps the checkpoints, closes them cleanly. */

import path from 'node:path';
import type { DiskSpace } from '../base/disk.ts';
import { type MillraceError, messageOf } from '../base/errors.ts';
import { ActiveCheckpoints } from './active-checkpoints.ts';
import { CheckpointKeeper } from './checkpoint-keeper.ts';
import { readPartitionOffsets } from './checkpoints.ts';
import { type Cleaner, inlineCleaner } from './cleaner.ts';
import { type DataDir, markClean, openDataDir } from './data-dir.ts';
import { noteAllEpochs, noteEpochs } from './epoch-notes.ts';
import { logErrors } from './error-codes.ts';
import { cleanerOffsetsName, logStartsName, partitionFolderName, recoveryPointsName } from './file-names.ts';
import { Housekeeper } from './housekeeper.ts';
import type { LogConfig } from './log-config.ts';
import type { LogParts, LogServices } from './log-parts.ts';
import { makeLogServices } from './log-services.ts';
import { nameOf, recoveryPointOf } from './log-state.ts';
import type { LogsOptions } from './logs-options.ts';
import { type NewPartition, PartitionFolders } from './partition-folders.ts';
import type { PartitionLog } from './partition-log.ts';
import { PartitionMap } from './partition-map.ts';
import { writeSnapshot } from './producer-snapshot.ts';
import { dropScanMemory } from './segment-scan.ts';
import { ThreadCleaner } from './thread-cleaner.ts';
import { replayWriteAheadLog } from './wal-replay.ts';
import { WriteAheadLog } from './write-ahead-log.ts';

/** Takes the data directory and recovers every partition in it. Rejects with `disk/locked` or `log/newer`. */
export async function openLogs(options: LogsOptions): Promise<Logs> {
  const { disk, dataDir } = options;
  const opened = await openDataDir(disk, dataDir);
  try {
    const logs = new Logs(options, opened);
    await logs.recover();
    return logs;
  } catch (error) {
    await opened.unlock();
    throw error;
  }
}

export class Logs {
  readonly clusterId: string;
  readonly #options: LogsOptions;
  readonly #opened: DataDir;
  readonly #services: LogServices;
  readonly #checkpoints: CheckpointKeeper;
  readonly #activeCheckpoints: ActiveCheckpoints;
  readonly #cleaner: Cleaner;
  readonly #housekeeper: Housekeeper;
  readonly #failed = new AbortController();
  readonly #partitions = new PartitionMap();
  readonly #removals = new Set<Promise<void>>();
  readonly #wal: WriteAheadLog | undefined;
  #folders: PartitionFolders | undefined;
  #closing: Promise<void> | undefined;

  constructor(options: LogsOptions, opened: DataDir) {
    const { clock } = options;
    this.#options = options;
    this.#opened = opened;
    this.clusterId = opened.clusterId;
    this.#activeCheckpoints = new ActiveCheckpoints({
      logger: options.logger,
      leastGrowthBytes: options.activeCheckpointBytes ?? 1024 * 1024,
    });
    this.#checkpoints = new CheckpointKeeper({
      ...options,
      intervalMs: options.checkpointIntervalMs ?? 5000,
      isOver: () => this.#failed.signal.aborted,
      syncSegments: async () => {
        await this.#wal?.checkpoint();
        await noteAllEpochs(this.#partitions.values(), options.logger);
      },
      onSaved: () => this.#activeCheckpoints.begin(this.#partitions.values()),
      recoveryPoints: () => this.#offsets((parts) => recoveryPointOf(parts.state)),
      logStarts: () => this.#offsets((parts) => parts.state.logStartOffset),
      cleanedOffsets: () => this.#offsets((parts) => parts.state.cleanedOffset),
    });
    this.#cleaner = options.compactsInThread === true ? new ThreadCleaner({ clock }) : inlineCleaner(options);
    this.#housekeeper = new Housekeeper({
      clock,
      logger: options.logger,
      logs: () => [...this.#partitions.values()],
      retentionIntervalMs: options.retentionIntervalMs ?? 300_000,
      compactionIntervalMs: options.compactionIntervalMs ?? 15_000,
      producerExpirationMs: options.producerExpirationMs ?? 86_400_000,
      limits: {
        maxKeyBytes: options.compactionKeyBytes ?? 32 * 1024 * 1024,
        maxDecompressedBytes: 64 * 1024 * 1024,
        maxBytesPerSecond: options.compactionBytesPerSecond ?? 64 * 1024 * 1024,
        cleaner: this.#cleaner,
      },
      saveCleanedOffsets: () => this.#checkpoints.saveCleanedOffsets(),
    });
    const fileBytes = options.walFileBytes ?? 32 * 1024 * 1024;
    this.#wal =
      fileBytes === 0
        ? undefined
        : new WriteAheadLog({ ...options, fileBytes, onFailure: (error) => this.#fail(error) });
    this.#services = makeLogServices(options, {
      wal: this.#wal,
      saveLogStarts: () => this.#checkpoints.saveLogStarts(),
      onFailure: (error) => this.#fail(error),
    });
  }

  /** Aborts, with the error, when a write or sync failed for good: nothing is taken any more, and the broker should end. */
  get failed(): AbortSignal {
    return this.#failed.signal;
  }

  /** Of the disk that holds the data directory. */
  diskSpace(): Promise<DiskSpace> {
    return this.#options.disk.space(this.#options.dataDir);
  }

  /** Undefined when there is no such partition. One that is damaged is there and answers everything with `log/damaged`. */
  partition(topic: string, partition: number): PartitionLog | undefined {
    return this.#partitions.get(partitionFolderName(topic, partition))?.log;
  }

  /** Opens all partitions; `openLogs` calls it, once. */
  async recover(): Promise<void> {
    const { disk, dataDir, logger } = this.#options;
    const recoveryPoints = await readPartitionOffsets(disk, path.join(dataDir, recoveryPointsName));
    await replayWriteAheadLog({ disk, logger, dataDir, recoveryPoints });
    this.#folders = new PartitionFolders({
      services: this.#services,
      logger,
      dataDir,
      opened: this.#opened,
      recoveryPoints,
      logStarts: await readPartitionOffsets(disk, path.join(dataDir, logStartsName)),
      cleanedOffsets: await readPartitionOffsets(disk, path.join(dataDir, cleanerOffsetsName)),
      maxProducers: this.#options.maxProducersPerPartition ?? 10_000,
    });
    for (const parts of await this.#folders.openAll()) this.#partitions.set(nameOf(parts.state), parts);
    dropScanMemory();
    // Also drops the entries of partitions that are gone: one that is made anew must not inherit them.
    await this.#saveCheckpoints();
    this.#checkpoints.start();
    this.#housekeeper.start();
  }

  /** Makes a partition, durably. One that is there for the same topic id is kept and gets the configuration; one of another id is deleted first. */
  async createPartition(wanted: NewPartition): Promise<PartitionLog> {
    const name = partitionFolderName(wanted.topic, wanted.partition);
    const before = this.#partitions.get(name);
    if (before !== undefined) {
      const { topicId } = before.state;
      if (topicId === wanted.topicId || topicId === '') {
        before.state.config = wanted.config;
        before.state.isConfigured = true;
        return before.log;
      }
      await this.#delete([before]);
    }
    const parts = await this.#folders!.create(wanted);
    this.#partitions.set(name, parts);
    return parts.log;
  }

  /** Once it resolves, the topic's records are gone for good; the room they took is freed soon after. */
  async deleteTopic(topic: string): Promise<void> {
    await this.deletePartitions(topic, 0);
  }

  /** The same for the topic's partitions from a number on. */
  async deletePartitions(topic: string, fromPartition: number): Promise<void> {
    const ofTopic = [...this.#partitions.ofTopic(topic)];
    await this.#delete(ofTopic.filter(({ state }) => state.partition >= fromPartition));
  }

  /** The configuration holds for everything that happens from now on. */
  updateConfig(topic: string, config: LogConfig): void {
    for (const { state } of this.#partitions.ofTopic(topic)) {
      state.config = config;
      state.isConfigured = true;
    }
  }

  /** Waits for what is under way, syncs everything and marks the directory as cleanly closed, unless it failed. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    const { disk, dataDir, logger } = this.#options;
    await this.#checkpoints.stop();
    await this.#activeCheckpoints.stop();
    await this.#housekeeper.stop();
    await this.#cleaner.close();
    await Promise.all(this.#removals);
    try {
      for (const parts of this.#partitions.values()) await this.#settle(parts);
      const isFailed = this.#failed.signal.aborted;
      await this.#wal?.close({ remove: !isFailed });
      if (!isFailed) {
        await this.#saveCheckpoints();
        await markClean(disk, dataDir);
      }
    } catch (error) {
      logger.warn({ error: messageOf(error) }, 'the logs could not be closed cleanly; the next start verifies them');
    }
    await this.#wal?.close({ remove: false });
    for (const { writer } of this.#partitions.values()) await writer.close().catch(() => {});
    await this.#services.files.close().catch(() => {});
    await this.#opened.unlock();
  }

  /** Leaves the files so that the next start need not read the log. A log that failed is left as it is. */
  async #settle({ writer, state }: LogParts): Promise<void> {
    await writer.flush();
    if (writer.failure !== undefined) return;
    writer.fail(logErrors.error('closed', { message: 'the log is closed', where: nameOf(state) }));
    await noteEpochs(this.#options.disk, state);
    await state.segments.active.writeIndexes(this.#options.disk);
    await writeSnapshot(this.#options.disk, state.folder, {
      producers: state.producers,
      endOffset: state.logEndOffset,
    });
  }

  async #delete(doomed: readonly LogParts[]): Promise<void> {
    for (const { state, writer, structure } of doomed) {
      this.#partitions.delete(nameOf(state));
      writer.fail(logErrors.error('closed', { message: 'the partition was deleted', where: nameOf(state) }));
      // Compaction that is under way ends before its folder goes.
      await structure.run(() => writer.close());
      this.#services.tailCache.drop(state);
      for (const segment of state.segments.all()) {
        this.#services.indexes.forget(segment);
        await this.#services.files.forget(segment);
      }
      const aside = await this.#folders!.putAside(state);
      // What cannot be removed now is at the next start.
      const removal = this.#options.disk.remove(aside).catch(() => {});
      this.#removals.add(removal);
      void removal.then(() => this.#removals.delete(removal));
    }
    if (doomed.length > 0) await this.#saveCheckpoints();
  }

  #fail(error: MillraceError): void {
    if (this.#failed.signal.aborted) return;
    this.#wal?.stop();
    this.#failed.abort(error);
    this.#options.logger.error(
      { error: error.message, where: error.where },
      'the log failed and takes nothing any more',
    );
    for (const { writer } of this.#partitions.values()) writer.fail(error);
  }

  async #saveCheckpoints(): Promise<void> {
    await this.#checkpoints.saveLogStarts();
    await this.#checkpoints.saveCleanedOffsets();
    await this.#checkpoints.saveRecoveryPoints();
  }

  #offsets(of: (parts: LogParts) => number): Map<string, number> {
    return new Map([...this.#partitions].map(([name, parts]) => [name, of(parts)]));
  }
}
