/** Writes the offset checkpoints of the data directory: one write of each under way at a time, the newest state wins. */

import path from 'node:path';
import type { Disk } from '../base/disk.ts';
import { type PartitionOffsets, writePartitionOffsets } from './checkpoints.ts';
import { cleanerOffsetsName, logStartsName, recoveryPointsName } from './file-names.ts';

export interface CheckpointKeeperOptions {
  readonly disk: Disk;
  readonly dataDir: string;
  readonly recoveryPoints: () => PartitionOffsets;
  readonly logStarts: () => PartitionOffsets;
  readonly cleanedOffsets: () => PartitionOffsets;
}

export class CheckpointKeeper {
  readonly #recoveryPoints: Saver;
  readonly #logStarts: Saver;
  readonly #cleanedOffsets: Saver;

  constructor({ disk, dataDir, recoveryPoints, logStarts, cleanedOffsets }: CheckpointKeeperOptions) {
    const saver = (name: string, current: () => PartitionOffsets) => {
      let saved: string | undefined;
      return new Saver(async () => {
        const offsets = current();
        const content = JSON.stringify([...offsets]);
        // An idle broker leaves the disk alone.
        if (content === saved) return;
        await writePartitionOffsets(disk, path.join(dataDir, name), offsets);
        saved = content;
      });
    };
    this.#recoveryPoints = saver(recoveryPointsName, recoveryPoints);
    this.#logStarts = saver(logStartsName, logStarts);
    this.#cleanedOffsets = saver(cleanerOffsetsName, cleanedOffsets);
  }

  /** Resolves when the recovery points as they are at this call, or newer ones, are durable. */
  saveRecoveryPoints(): Promise<void> {
    return this.#recoveryPoints.save();
  }

  saveLogStarts(): Promise<void> {
    return this.#logStarts.save();
  }

  saveCleanedOffsets(): Promise<void> {
    return this.#cleanedOffsets.save();
  }
}

/** Joins calls that come while a write is under way into the one that follows it. */
class Saver {
  readonly #write: () => Promise<void>;
  #running: Promise<void> | undefined;
  #next: Promise<void> | undefined;

  constructor(write: () => Promise<void>) {
    this.#write = write;
  }

  save(): Promise<void> {
    if (this.#running === undefined) return this.#start();
    this.#next ??= this.#running
      .catch(() => {})
      .then(() => {
        this.#next = undefined;
        return this.#start();
      });
    return this.#next;
  }

  #start(): Promise<void> {
    const running = this.#write().finally(() => {
      if (this.#running === running) this.#running = undefined;
    });
    this.#running = running;
    return running;
  }
}
