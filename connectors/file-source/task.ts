/** Copies lines from files to a topic: poll by poll, always from the file whose turn it is. */

import { setImmediate } from 'node:timers/promises';
import { describeError } from '../../core/base/errors.ts';
import type { SourceOutput, SourceTask, SourceTaskContext } from '../contract/source.ts';
import { definition } from './config.ts';
import { FairQueue } from './fair-queue.ts';
import { factsOf, statPath } from './file-access.ts';
import { FileTurns, unreadable } from './file-turns.ts';
import type { Generation } from './generation.ts';
import { type GlobPlan, planGlobs } from './glob-plan.ts';
import { Hints } from './hints.ts';
import { makeParts, type Parts } from './parts.ts';
import type { SeeOptions } from './registry.ts';
import type { ScanResult } from './scan.ts';
import { Scanner } from './scanner.ts';
import { reportStatus } from './status.ts';
import { readingLimit, type TrackedFile } from './tracked-file.ts';
import { Upkeep } from './upkeep.ts';

/** Reading that goes on for longer lets the rest of its thread have a turn. */
const longestTurnMs = 10;

/** A poll without anything to append comes back after this time. */
const longestPollMs = 1000;

/** Positions that are reported in one poll for files nothing was read from. */
const quietPositionsPerPoll = 1000;

/** A bounded run takes what is found until a scan finds nothing more: one scan may miss a file that is being renamed. */
const mostSnapshotScans = 5;

/** Says that the files of the first run were passed over (`start.position: end`), also when there were none. */
const firstRunPartition = { start: 'end' } as const;

const statusIntervalMs = 1000;

export class FileSourceTask implements SourceTask {
  #parts!: Parts;
  #plan!: GlobPlan;
  #queue!: FairQueue<TrackedFile>;
  #turns!: FileTurns;
  #upkeep!: Upkeep;
  #scanner!: Scanner;
  #hints: Hints | undefined;
  #pause: AbortController | undefined;
  /** Something happened since it was last looked at. */
  #isInterrupted = false;
  /** Still to be passed over, or read in a bounded run: what the first scans find. */
  #isFirstScan = true;
  #isSnapshotOver = false;
  #snapshotScans = 0;
  #isFirstRun = false;
  #isFirstRunStored = false;
  /** Monotonic time at which the rest of the thread last had its turn. */
  #yieldedAtMs = 0;
  #nextStatusMs = Number.NEGATIVE_INFINITY;
  readonly #scanTroubles = new Set<string>();

  async open(context: SourceTaskContext): Promise<void> {
    const config = definition.require(context.settings);
    this.#plan = planGlobs(config.paths, config.exclude);
    this.#parts = makeParts(config, context, {
      wake: (file) => this.#wake(file),
      forget: (file) => {
        this.#queue.forget(file);
        this.#parts.gzipSlot.leave(file);
      },
      scanSoon: () => this.#scanner.soon(),
    });
    this.#queue = new FairQueue(config['read.buffer.bytes']);
    this.#turns = new FileTurns(this.#parts);
    this.#upkeep = new Upkeep(this.#parts);
    const { registry } = this.#parts;
    registry.restore(context.storedPositions, context.clock.monotonicMs());
    const wasFirstRun = context.storedPositions.some(({ partition }) => partition['start'] === firstRunPartition.start);
    this.#isFirstRun = config['start.position'] === 'end' && !wasFirstRun;
    this.#scanner = new Scanner({
      plan: this.#plan,
      clock: context.clock,
      intervalMs: config['scan.interval.ms'],
      wishes: () => registry.strayWishes(),
      onDone: () => this.#interrupt(),
    });
    if (context.once || config.watch === 'never') return;
    this.#hints = new Hints({ plan: this.#plan, logger: context.logger, onHint: () => this.#interrupt() });
    await this.#hints.start();
  }

  async poll(output: SourceOutput, signal: AbortSignal): Promise<'more' | 'finished'> {
    const { clock, once } = this.#parts.context;
    const endsAtMs = clock.monotonicMs() + longestPollMs;
    for (;;) {
      await this.#notice(output);
      const isAppended = await this.#readReady(output, signal, endsAtMs);
      this.#reportQuiet(output);
      this.#reportStatus();
      if (isAppended || signal.aborted || output.roomBytes <= 0) return 'more';
      if (once && this.#isFinished()) return this.#finish(output);
      const nowMs = clock.monotonicMs();
      if (nowMs >= endsAtMs) return 'more';
      if (this.#queue.size === 0)
        await this.#wait(Math.min(endsAtMs, this.#scanner.nextAtMs, this.#upkeep.nextAtMs) - nowMs, signal);
    }
  }

  async close(): Promise<void> {
    await this.#hints?.close();
    await this.#scanner?.close();
    await this.#parts?.openFiles.closeAll();
  }

  /** Scans, hints and time: everything that can give a file something to do. */
  async #notice(output: SourceOutput): Promise<void> {
    this.#isInterrupted = false;
    this.#scanner.startIfDue();
    const scan = this.#scanner.take();
    if (scan !== undefined) this.#see(scan, output);
    // Before the first scan it is not known which files were there from the start.
    if (!this.#isFirstScan) for (const path of this.#hints?.take() ?? []) await this.#lookAt(path);
    const { clock } = this.#parts.context;
    if (clock.monotonicMs() >= this.#upkeep.nextAtMs) await this.#upkeep.run(this.#hints?.isWatching ?? false);
  }

  #see(scan: ScanResult, output: SourceOutput): void {
    const { registry, context } = this.#parts;
    context.gauges.add('scans_total', 1);
    const fileCount = registry.files.size;
    for (const file of registry.see(scan, this.#seeOptions())) this.#wake(file);
    this.#reportScanTroubles(scan);
    this.#upkeep.noteUnnamed();
    this.#snapshotScans++;
    const isSteady = registry.files.size === fileCount && this.#snapshotScans > 1;
    this.#isSnapshotOver ||= isSteady || this.#snapshotScans >= mostSnapshotScans;
    if (context.once && !this.#isSnapshotOver) this.#scanner.soon();
    this.#isFirstScan = false;
    if (!context.once) this.#sayFarewell(output, this.#parts.config['rotated.timeout.ms']);
  }

  #seeOptions(): SeeOptions {
    const { clock, once } = this.#parts.context;
    const isSnapshot = !this.#isSnapshotOver;
    return {
      nowMs: clock.monotonicMs(),
      wallMs: clock.nowMs(),
      startsAtEnd: this.#isFirstRun && (once ? isSnapshot : this.#isFirstScan),
      takes: once ? (isSnapshot ? 'what is there' : 'nothing') : 'everything',
    };
  }

  async #lookAt(path: string): Promise<void> {
    const stats = await statPath(path).catch(() => undefined);
    if (stats === undefined || stats.isDirectory()) return this.#scanner.soon();
    if (!stats.isFile() || !this.#plan.matches(path)) return;
    const sighting = { path, raw: path, facts: factsOf(stats), isStray: false };
    const file = this.#parts.registry.seeOne(sighting, this.#seeOptions());
    if (file !== undefined) this.#wake(file);
  }

  /** True when anything was appended. */
  async #readReady(output: SourceOutput, signal: AbortSignal, endsAtMs: number): Promise<boolean> {
    const { config, context, registry } = this.#parts;
    const read = new Set<Generation>();
    let recordsLeft = config['batch.size'] === 0 ? Number.POSITIVE_INFINITY : config['batch.size'];
    while (output.roomBytes > 0 && recordsLeft > 0 && !signal.aborted) {
      const file = this.#queue.next();
      if (file === undefined) break;
      const turn = await this.#turns.take(file, output, recordsLeft);
      recordsLeft -= turn.recordCount;
      if (turn.consumedBytes > 0) {
        read.add(file.generation!);
        this.#upkeep.heat(file);
      }
      if (turn.hasMore) this.#queue.again(file, turn.consumedBytes);
      else this.#upkeep.heat(file);
      const nowMs = context.clock.monotonicMs();
      if (nowMs >= endsAtMs) break;
      // Local files are read without waiting, in one poll after the other: scans and messages would never have their turn.
      if (nowMs - this.#yieldedAtMs < longestTurnMs) continue;
      await setImmediate();
      this.#yieldedAtMs = context.clock.monotonicMs();
    }
    for (const generation of read) {
      registry.unreported.delete(generation);
      output.position(generation.partition, generation.offset);
    }
    return read.size > 0;
  }

  #reportQuiet(output: SourceOutput): void {
    const { unreported } = this.#parts.registry;
    let left = quietPositionsPerPoll;
    for (const generation of unreported) {
      if (left-- === 0) break;
      unreported.delete(generation);
      output.position(generation.partition, generation.offset);
    }
    this.#reportFirstRun(output);
  }

  /** Once every file of the first run has its position: a kill before that repeats the first run for those that have none. */
  #reportFirstRun(output: SourceOutput): void {
    const { registry, context } = this.#parts;
    if (!this.#isFirstRun || this.#isFirstRunStored || this.#isFirstScan || registry.unreported.size > 0) return;
    const isPlaced = (file: TrackedFile) =>
      file.startsAt === undefined || file.facts.size === 0 || file.trouble !== undefined;
    if (![...registry.files.values()].every(isPlaced)) return;
    this.#isFirstRunStored = true;
    output.position(firstRunPartition, { sinceMs: context.clock.nowMs() });
  }

  #sayFarewell(output: SourceOutput, graceMs: number): void {
    const { registry, context } = this.#parts;
    for (const { generation, lostBytes } of registry.expire(context.clock.monotonicMs(), graceMs)) {
      output.position(generation.partition, null);
      if (lostBytes <= 0) continue;
      context.gauges.add('lost_bytes_total', lostBytes);
      const { path } = generation.facts;
      context.logger.error({ path, lostBytes }, 'the file is gone with bytes that were never read');
    }
  }

  #isFinished(): boolean {
    const { registry } = this.#parts;
    if (!this.#isSnapshotOver || this.#queue.size > 0 || registry.unreported.size > 0) return false;
    return [...registry.files.values()].every((file) => this.#isFileFinished(file));
  }

  #isFileFinished(file: TrackedFile): boolean {
    const { generation, phase, limit } = file;
    if (file.trouble !== undefined || phase === 'ignored' || file.isTwin) return true;
    if (generation === undefined) return limit === 0 || file.facts.size === 0;
    if (readingLimit(file) === 0 || generation.isComplete) return true;
    if (this.#parts.config.mode === 'whole') return generation.isDone;
    return file.compression === 'none' && generation.position >= readingLimit(file);
  }

  #finish(output: SourceOutput): 'finished' {
    this.#sayFarewell(output, 0);
    reportStatus(this.#parts, this.#scanner, false);
    return 'finished';
  }

  #reportScanTroubles(scan: ScanResult): void {
    const current = new Set(scan.problems.map(({ path, code }) => `${code} ${path}`));
    for (const { path, code } of scan.problems) {
      if (this.#scanTroubles.has(`${code} ${path}`)) continue;
      const error = unreadable(path, { code });
      this.#parts.context.logger.error({ path, code: error.code }, describeError(error));
    }
    this.#scanTroubles.clear();
    for (const each of current) this.#scanTroubles.add(each);
  }

  #reportStatus(): void {
    const nowMs = this.#parts.context.clock.monotonicMs();
    if (nowMs < this.#nextStatusMs) return;
    this.#nextStatusMs = nowMs + statusIntervalMs;
    reportStatus(this.#parts, this.#scanner, this.#hints?.isWatching ?? false);
  }

  #wake(file: TrackedFile): void {
    this.#queue.wake(file);
    this.#interrupt();
  }

  #interrupt(): void {
    this.#isInterrupted = true;
    this.#pause?.abort();
  }

  async #wait(ms: number, signal: AbortSignal): Promise<void> {
    if (ms <= 0 || this.#isInterrupted || signal.aborted) return;
    const pause = new AbortController();
    const stop = () => pause.abort();
    this.#pause = pause;
    // Combined signals would stay with the long-lived one; a listener is taken off again.
    signal.addEventListener('abort', stop, { once: true });
    await this.#parts.context.clock.sleep(ms, pause.signal).catch(() => {});
    signal.removeEventListener('abort', stop);
    this.#pause = undefined;
  }
}
