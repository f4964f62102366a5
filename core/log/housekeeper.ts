/** Retention, compaction and the forgetting of old producers, one log at a time and between everything else. */

import type { Clock } from '../base/clock.ts';
import { messageOf } from '../base/errors.ts';
import type { Logger } from '../base/logger.ts';
import { type CompactionLimits, compact } from './compaction.ts';
import { type CompactionPlan, planCompaction } from './compaction-plan.ts';
import { logErrors } from './error-codes.ts';
import type { LogParts } from './log-parts.ts';
import { nameOf } from './log-state.ts';
import { hasOwnAge, planRetention } from './retention.ts';
import { dropFront } from './segment-removal.ts';
import { SteadyTime } from './steady-time.ts';

export interface HousekeeperOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly logs: () => Iterable<LogParts>;
  readonly retentionIntervalMs: number;
  readonly compactionIntervalMs: number;
  /** A producer that appended nothing for so long is forgotten. */
  readonly producerExpirationMs: number;
  readonly limits: Omit<CompactionLimits, 'stop' | 'time'>;
  /** Makes the offsets up to which logs are clean durable. */
  readonly saveCleanedOffsets: () => Promise<void>;
}

export class Housekeeper {
  readonly #options: HousekeeperOptions;
  readonly #stop = new AbortController();
  readonly #time: SteadyTime;
  #running: Promise<unknown> = Promise.resolve();
  /** Logs in which cleaning met damage: left alone until the next start. */
  readonly #uncleanable = new WeakSet<LogParts>();

  constructor(options: HousekeeperOptions) {
    this.#options = options;
    this.#time = new SteadyTime(options.clock);
  }

  start(): void {
    const { retentionIntervalMs, compactionIntervalMs } = this.#options;
    this.#running = Promise.all([
      this.#repeat(retentionIntervalMs, () => this.applyRetention()),
      this.#repeat(compactionIntervalMs, () => this.compactDue()),
    ]);
  }

  /** Resolves when the work under way has ended. */
  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#running;
  }

  /** Drops expired segments and forgotten producers of every log. */
  async applyRetention(): Promise<void> {
    for (const parts of this.#options.logs()) {
      if (this.#stop.signal.aborted) return;
      if (!isReady(parts)) continue;
      parts.state.producers.expire(this.#time.atLeastMs() - this.#options.producerExpirationMs);
      await this.#attempt(parts, 'retention', () => parts.structure.run(() => this.#retain(parts)));
    }
  }

  /** Cleans the dirtiest log that is due, until none is. */
  async compactDue(): Promise<void> {
    for (;;) {
      const next = await this.#dirtiest();
      if (next === undefined || this.#stop.signal.aborted) return;
      const isDone = await this.#attempt(next.parts, 'compaction', () =>
        next.parts.structure.run(() => this.#clean(next.parts)),
      );
      // A full disk, say: everything waits for the next interval.
      if (!isDone) return;
    }
  }

  async #retain(parts: LogParts): Promise<void> {
    const { state, services, writer } = parts;
    const plan = async () => {
      const segments = state.segments.all();
      const nowMs = this.#time.atLeastMs();
      // The largest timestamps of ended segments stand in their time indexes; only the front matters.
      for (const segment of segments.slice(0, -1)) {
        await services.indexes.of(segment);
        if (hasOwnAge(segment, nowMs) && nowMs - segment.maxTimestampMs <= state.config.retentionMs) break;
      }
      return planRetention({ ...state, segments, nowMs }, state.config);
    };
    let { dropCount, rollFirst } = await plan();
    if (rollFirst) {
      await writer.rollNow();
      dropCount = (await plan()).dropCount;
    }
    if (dropCount === 0 || writer.failure !== undefined) return;
    const doomed = state.segments.all().slice(0, dropCount);
    await dropFront(parts, doomed);
    const fields = { partition: nameOf(state), segments: doomed.length, logStartOffset: state.logStartOffset };
    this.#options.logger.info(fields, 'retention dropped segments');
  }

  async #clean(parts: LogParts): Promise<void> {
    const plan = await planOf(parts, this.#time.atLeastMs());
    if (plan === undefined || parts.writer.failure !== undefined) return;
    const result = await compact(parts, plan, { ...this.#options.limits, time: this.#time, stop: this.#stop.signal });
    if (result === undefined) return;
    parts.state.cleanedOffset = result.cleanedOffset;
    await this.#options.saveCleanedOffsets();
    this.#options.logger.info({ partition: nameOf(parts.state), ...result }, 'compacted');
  }

  async #dirtiest(): Promise<{ parts: LogParts; plan: CompactionPlan } | undefined> {
    let dirtiest: { parts: LogParts; plan: CompactionPlan } | undefined;
    for (const parts of this.#options.logs()) {
      if (!isReady(parts) || !parts.state.config.isCompacted || this.#uncleanable.has(parts)) continue;
      const plan = await planOf(parts, this.#time.atLeastMs());
      if (plan === undefined) continue;
      if (dirtiest === undefined || plan.dirtyRatio > dirtiest.plan.dirtyRatio) dirtiest = { parts, plan };
    }
    return dirtiest;
  }

  /** False when the work failed; a log that was deleted meanwhile is no failure. */
  async #attempt(parts: LogParts, what: string, work: () => Promise<void>): Promise<boolean> {
    try {
      await work();
      return true;
    } catch (error) {
      if (parts.writer.failure !== undefined) return true;
      if (logErrors.is(error, 'damaged')) this.#uncleanable.add(parts);
      const fields = { partition: nameOf(parts.state), error: messageOf(error) };
      this.#options.logger.error(fields, `${what} failed; the records stay`);
      return false;
    }
  }

  async #repeat(intervalMs: number, work: () => Promise<void>): Promise<void> {
    while (!this.#stop.signal.aborted) {
      try {
        await this.#options.clock.sleep(intervalMs, this.#stop.signal);
      } catch {
        return;
      }
      try {
        await work();
      } catch (error) {
        this.#options.logger.error({ error: messageOf(error) }, 'housekeeping failed; it is tried again');
      }
    }
  }
}

/** A partition whose configuration nobody has told yet must not lose records to the defaults. */
function isReady({ state, writer }: LogParts): boolean {
  return state.isConfigured && writer.failure === undefined;
}

async function planOf({ state, services, log }: LogParts, nowMs: number): Promise<CompactionPlan | undefined> {
  const segments = state.segments.all();
  const needsTimes = state.config.minCompactionLagMs > 0 || state.config.maxCompactionLagMs < Number.MAX_SAFE_INTEGER;
  if (needsTimes) for (const segment of segments.slice(0, -1)) await services.indexes.of(segment);
  return planCompaction({ ...state, segments, lastStableOffset: log.lastStableOffset, nowMs }, state.config);
}
