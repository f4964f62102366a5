/** The folder of one partition: opens what is there, makes a new one, puts a deleted one aside. */

import { randomBytes } from 'node:crypto';
import path from 'node:path';
import type { Disk } from '../base/disk.ts';
import type { MillraceError } from '../base/errors.ts';
import type { Logger } from '../base/logger.ts';
import { assembleLog, assembleRefused, type LogIdentity } from './assemble-log.ts';
import type { DataDir } from './data-dir.ts';
import { logErrors } from './error-codes.ts';
import { deletedFolderSuffix, parsePartitionFolder, partitionFolderName, partitionMetadataName } from './file-names.ts';
import { defaultLogConfig, type LogConfig } from './log-config.ts';
import type { LogParts, LogServices } from './log-parts.ts';
import { type RecoveredLog, recoverLog } from './recovery.ts';
import { partitionMetadata, topicIdIn } from './topic-id.ts';

export interface PartitionFoldersOptions {
  readonly services: LogServices;
  readonly logger: Logger;
  readonly dataDir: string;
  readonly opened: DataDir;
  /** From the checkpoints, by `topic-partition`. */
  readonly recoveryPoints: ReadonlyMap<string, number>;
  readonly logStarts: ReadonlyMap<string, number>;
  readonly cleanedOffsets: ReadonlyMap<string, number>;
  readonly maxProducers: number;
}

export interface NewPartition {
  readonly topic: string;
  readonly partition: number;
  /** As Kafka prints it; kept in the folder, so that a topic that was made anew never takes over old records. */
  readonly topicId: string;
  readonly config: LogConfig;
}

/** Partitions recovered at the same time: each waits for one small read after the other. */
const concurrentRecoveries = 16;

export class PartitionFolders {
  readonly #options: PartitionFoldersOptions;
  readonly #disk: Disk;

  constructor(options: PartitionFoldersOptions) {
    this.#options = options;
    this.#disk = options.services.disk;
  }

  /** Opens every partition of the data directory and clears away what deletions left. Damaged ones come back refused. */
  async openAll(): Promise<LogParts[]> {
    const waiting: { topic: string; partition: number }[] = [];
    for (const { name, isFolder } of await this.#disk.list(this.#options.dataDir)) {
      if (!isFolder) continue;
      const parsed = parsePartitionFolder(name);
      if (name.endsWith(deletedFolderSuffix)) await this.#disk.remove(path.join(this.#options.dataDir, name));
      else if (parsed !== undefined) waiting.push(parsed);
    }
    const logs: LogParts[] = [];
    const openNext = async (): Promise<void> => {
      for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) logs.push(await this.#openOne(next));
    };
    await Promise.all(Array.from({ length: concurrentRecoveries }, openNext));
    return logs;
  }

  async create({ topic, partition, topicId, config }: NewPartition): Promise<LogParts> {
    const identity = {
      ...this.#identity({ topic, partition, config }, topicId),
      isConfigured: true,
      cleanedOffset: 0,
    };
    await this.#disk.makeFolder(identity.folder);
    const recovered = await this.#recover(identity, { isClean: true, recoveryPoint: 0, logStartOffset: 0 });
    await this.#disk.replaceFile(path.join(identity.folder, partitionMetadataName), partitionMetadata(topicId));
    return assembleLog(this.#options.services, identity, recovered);
  }

  /** Renames the folder, durably, so that it is no partition any more; resolves to its new path. */
  async putAside({ topic, partition, folder }: { topic: string; partition: number; folder: string }): Promise<string> {
    const suffix = `.${randomBytes(8).toString('hex')}${deletedFolderSuffix}`;
    // Kafka cuts the topic's name so that the folder's stays within what file systems take.
    const aside = path.join(this.#options.dataDir, `${partitionFolderName(topic, partition).slice(0, 200)}${suffix}`);
    await this.#disk.rename(folder, aside);
    await this.#disk.syncFolder(this.#options.dataDir);
    return aside;
  }

  async #openOne({ topic, partition }: { topic: string; partition: number }): Promise<LogParts> {
    const { services, opened, logger } = this.#options;
    const name = partitionFolderName(topic, partition);
    const metadata = await this.#disk.readFile(path.join(this.#options.dataDir, name, partitionMetadataName));
    const identity = this.#identity({ topic, partition, config: defaultLogConfig }, topicIdIn(metadata));
    const recoveryPoint = this.#options.recoveryPoints.get(name) ?? 0;
    const logStartOffset = this.#options.logStarts.get(name) ?? 0;
    try {
      const recovered = await this.#recover(identity, { isClean: opened.isClean, recoveryPoint, logStartOffset });
      return assembleLog(services, identity, recovered);
    } catch (error) {
      if (!logErrors.is(error, 'damaged')) throw error;
      logger.error({ partition: name, where: error.where, error: error.message }, 'a partition is damaged and refused');
      return assembleRefused(services, identity, { error: error as MillraceError, recoveryPoint, logStartOffset });
    }
  }

  #recover(
    { folder, config }: LogIdentity,
    known: { isClean: boolean; recoveryPoint: number; logStartOffset: number },
  ): Promise<RecoveredLog> {
    const { services, logger, maxProducers } = this.#options;
    const { disk, clock } = services;
    return recoverLog({ disk, logger, folder, config, maxProducers, nowMs: clock.nowMs(), ...known });
  }

  #identity(
    { topic, partition, config }: { topic: string; partition: number; config: LogConfig },
    topicId: string,
  ): LogIdentity {
    const folder = path.join(this.#options.dataDir, partitionFolderName(topic, partition));
    const cleanedOffset = this.#options.cleanedOffsets.get(partitionFolderName(topic, partition)) ?? 0;
    const { leaderEpoch } = this.#options.opened;
    return { topic, partition, folder, topicId, config, leaderEpoch, cleanedOffset, isConfigured: false };
  }
}
