/** Scans again and again beside the reading, slowly enough that scanning costs little however many files there are. */

import type { Clock } from '../../core/base/clock.ts';
import type { GlobPlan } from './glob-plan.ts';
import { type ScanResult, type StrayWish, scanFiles } from './scan.ts';

/** The pause after a scan is at least so many times as long as the scan took. */
const pausePerScan = 19;

/** Scans that somebody asked for keep this distance. */
const soonMs = 200;

export interface ScannerOptions {
  readonly plan: GlobPlan;
  readonly clock: Clock;
  readonly intervalMs: number;
  /** Where else to look in the scan that begins now. */
  readonly wishes: () => StrayWish[];
  readonly onDone: () => void;
}

export class Scanner {
  readonly #options: ScannerOptions;
  readonly #closing = new AbortController();
  #running: Promise<void> | undefined;
  #result: ScanResult | undefined;
  #failure: unknown;
  #nextAtMs = Number.NEGATIVE_INFINITY;
  #endedAtMs = Number.NEGATIVE_INFINITY;
  lastDurationMs = 0;
  completedCount = 0;

  constructor(options: ScannerOptions) {
    this.#options = options;
  }

  get nextAtMs(): number {
    return this.#running === undefined ? this.#nextAtMs : Number.POSITIVE_INFINITY;
  }

  /** Asks for a scan before the next one is due. */
  soon(): void {
    this.#nextAtMs = Math.min(this.#nextAtMs, this.#endedAtMs + Math.max(soonMs, this.lastDurationMs * pausePerScan));
  }

  /** Begins a scan if one is due and none is under way. */
  startIfDue(): void {
    if (this.#running !== undefined || this.#options.clock.monotonicMs() < this.#nextAtMs) return;
    this.#running = this.#run();
  }

  /** The completed scan nobody has taken yet. Throws what made the last one fail. */
  take(): ScanResult | undefined {
    const result = this.#result;
    this.#result = undefined;
    if (this.#failure !== undefined) throw this.#failure;
    return result;
  }

  async close(): Promise<void> {
    this.#closing.abort();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { clock, plan, wishes, intervalMs, onDone } = this.#options;
    const startedAtMs = clock.monotonicMs();
    try {
      const result = await scanFiles(plan, wishes(), this.#closing.signal);
      if (!this.#closing.signal.aborted) this.#result = result;
      this.completedCount++;
    } catch (error) {
      this.#failure = error;
    }
    this.#endedAtMs = clock.monotonicMs();
    this.lastDurationMs = this.#endedAtMs - startedAtMs;
    this.#nextAtMs = this.#endedAtMs + Math.max(intervalMs, this.lastDurationMs * pausePerScan);
    this.#running = undefined;
    onDone();
  }
}
