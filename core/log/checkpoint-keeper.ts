/** Writes the offset checkpoints of the data directory: one write of each under way at a time, the newest state wins. */

import path from 'node:path';
import type { Clock } from '../base/clock.ts';
import type { Disk } from '../base/disk.ts';
import type { Logger } from '../base/logger.ts';
import { type PartitionOffsets, writePartitionOffsets } from './checkpoints.ts';
import { cleanerOffsetsName, logStartsName, recoveryPointsName } from './file-names.ts';

export interface CheckpointKeeperOptions {
  readonly disk: Disk;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly dataDir: string;
  /** How often recovery points are saved while it is started. */
  readonly intervalMs: number;
  /** True when the log failed: what is on the disk stays as it is, since a sync behind a failed one may claim what is lost. */
  readonly isOver: () => boolean;
  /** Brings the segments up to what is durable elsewhere, so that recovery points can follow. */
  readonly syncSegments: () => Promise<void>;
  /** Recovery points were saved. */
  readonly onSaved: () => void;
  readonly recoveryPoints: () => PartitionOffsets;
  readonly logStarts: () => PartitionOffsets;
  readonly cleanedOffsets: () => PartitionOffsets;
}

export class CheckpointKeeper {
  readonly #options: CheckpointKeeperOptions;
  readonly #stopped = new AbortController();
  #running: Promise<void> = Promise.resolve();
  readonly #recoveryPoints: Saver;
  readonly #logStarts: Saver;
  readonly #cleanedOffsets: Saver;

  constructor(options: CheckpointKeeperOptions) {
    const { disk, dataDir, recoveryPoints, logStarts, cleanedOffsets } = options;
    this.#options = options;
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

  /** Saves recovery points again and again until `stop`. */
  start(): void {
    this.#running = this.#repeat();
  }

  /** Resolves when nothing is under way. */
  async stop(): Promise<void> {
    this.#stopped.abort();
    await this.#running;
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

  async #repeat(): Promise<void> {
    const { clock, logger, intervalMs, isOver, syncSegments, onSaved } = this.#options;
    while (!this.#stopped.signal.aborted && !isOver()) {
      try {
        await clock.sleep(intervalMs, this.#stopped.signal);
        if (isOver()) return;
        await syncSegments();
        if (isOver()) return;
        await this.saveRecoveryPoints();
        onSaved();
      } catch (error) {
        if (this.#stopped.signal.aborted) return;
        const fields = { error: String(error) };
        logger.warn(fields, 'recovery points could not be saved; the next start reads more of the log');
      }
    }
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
