/** One topic partition: routes its records into files, closes them, and commits them in turns. */

import type { SinkRecords, TopicPartition } from '../contract/record.ts';
import type { SinkTaskContext } from '../contract/sink.ts';
import type { Committer } from './commit/committer.ts';
import { ReplayFilter } from './commit/replay-filter.ts';
import { s3Errors } from './error-codes.ts';
import { ObjectFile } from './files/object-file.ts';
import type { Workshop } from './files/workshop.ts';
import type { Verdict } from './formats/format.ts';
import { createPartitioner, isReplayStable, type Layout, type Partitioner } from './partitioners/partitioner.ts';
import type { Route } from './partitioners/time-buckets.ts';
import { isBeyondSpan, isPartitionOver, isTooOld, type RotationReason } from './rotation.ts';
import { SealedFiles } from './sealed-files.ts';

export interface PartitionWriterOptions {
  readonly at: TopicPartition;
  readonly workshop: Workshop;
  readonly layout: Layout;
  readonly committer: Committer;
  readonly nullValues: 'fail' | 'ignore' | 'write';
  readonly context: Pick<SinkTaskContext, 'committable' | 'badRecord'>;
  readonly onFailure: (error: unknown) => void;
}

/** Records dated further ahead than this are mistakes and must not close files. */
const credibleFutureMs = 86_400_000;

/** More ranges than this in a checkpoint close the oldest files, so that checkpoints stay small. */
const mostRanges = 2000;

/** Why `#take` stopped before the end of the run: to make room, or at a record that cannot be written. */
type Stop = 'room' | Error;

export class PartitionWriter {
  readonly at: TopicPartition;
  readonly #workshop: Workshop;
  readonly #partitioner: Partitioner;
  readonly #isReplayStable: boolean;
  readonly #usesTime: boolean;
  readonly #nullValues: PartitionWriterOptions['nullValues'];
  readonly #context: PartitionWriterOptions['context'];
  readonly #onFailure: (error: unknown) => void;
  readonly #abort = new AbortController();
  /** In the order of opening, which is the order of age. */
  readonly #files = new Map<string, ObjectFile>();
  readonly #sealed: SealedFiles;
  readonly #filter: ReplayFilter;
  /** The next offset expected: every record before it is in a file or needs none. */
  #position: number;
  #lastRoute: Route | undefined;
  #lastFile: ObjectFile | undefined;
  #watermarkMs = Number.NEGATIVE_INFINITY;
  #nextCloseMs = Number.POSITIVE_INFINITY;
  #nowMs = 0;
  #skipped = 0;
  #ignored = 0;

  constructor(options: PartitionWriterOptions) {
    const { at, workshop, layout, committer, context } = options;
    this.at = at;
    this.#workshop = workshop;
    this.#partitioner = createPartitioner(layout, at.partition);
    this.#isReplayStable = isReplayStable(layout);
    this.#usesTime = layout.kind === 'time' || Number.isFinite(workshop.limits.eventSpanMs);
    this.#nullValues = options.nullValues;
    this.#context = context;
    this.#onFailure = (error) => {
      if (this.#abort.signal.aborted) return;
      this.#abort.abort(error);
      options.onFailure(error);
    };
    this.#filter = new ReplayFilter(committer.checkpoint.written, at.partition);
    this.#position = committer.checkpoint.next ?? 0;
    this.#sealed = new SealedFiles({
      at,
      committer,
      workshop,
      signal: this.#abort.signal,
      safeOffset: () => this.#safeOffset(),
      onCommitted: (offset) => this.#committed(offset),
      onFailure: this.#onFailure,
    });
  }

  /** Takes every record of the run; see `SinkTask.put`. `relieve` makes room when memory is short. */
  async put(records: SinkRecords, relieve: (signal: AbortSignal) => Promise<void>): Promise<void> {
    this.#nowMs = this.#workshop.clock.nowMs();
    this.#partitioner.extractor.startRun(this.#nowMs);
    this.#workshop.format.startRun();
    for (let stop = this.#take(records); stop !== undefined; stop = this.#take(records)) {
      this.#abort.signal.throwIfAborted();
      if (stop === 'room') await relieve(this.#abort.signal);
      else await this.#reportBad(records, stop);
    }
    if (this.#watermarkMs >= this.#nextCloseMs) this.#closePassed();
    this.#count();
  }

  /** Closes the open files that match. */
  rotate(reason: RotationReason, matches: (file: ObjectFile) => boolean = () => true): void {
    for (const file of [...this.#files.values()]) if (matches(file)) this.close(file, reason);
  }

  openFiles(): Iterable<ObjectFile> {
    return this.#files.values();
  }

  /** Closes what is too old by the clock; records what was passed over when nothing else would. */
  tick(): void {
    const nowMs = this.#workshop.clock.monotonicMs();
    this.rotate('age', (file) => isTooOld(file, nowMs, this.#workshop.limits));
    this.#sealed.commitIdle(nowMs);
  }

  /** When `tick` has something to do, in monotonic milliseconds. */
  get deadlineMs(): number {
    for (const file of this.#files.values()) return file.openedMs + this.#workshop.limits.ageMs;
    return this.#sealed.idleDeadlineMs;
  }

  /** Makes everything taken so far visible and reported. */
  async drain(reason: RotationReason): Promise<void> {
    this.rotate(reason);
    await this.#sealed.drained();
  }

  /** Ends all work; nothing more becomes visible. Resolves when the uploads left behind are removed or `signal` aborts. */
  async stop(signal: AbortSignal): Promise<void> {
    this.#abort.abort(s3Errors.error('fenced', { message: 'the partition was given up', where: this.#where }));
    const files = [...this.#files.values(), ...this.#sealed.takeAll()];
    this.#files.clear();
    this.#forgetLast();
    await Promise.all(files.map((file) => file.abandon(signal)));
  }

  /** The hot loop: no await, no allocation per record. */
  #take(records: SinkRecords): Stop | undefined {
    const { format, limits } = this.#workshop;
    while (records.next()) {
      const offset = records.offset;
      if (offset < this.#position) continue;
      let bytes = records.bytes;
      let start = records.valueStart;
      let end = records.valueEnd;
      if (start < 0 && this.#nullValues !== 'write') {
        if (this.#nullValues === 'fail') return s3Errors.error('null-value', { message: 'the record has no value' });
        this.#ignored++;
        this.#position = offset + 1;
        continue;
      }
      const timeMs = this.#usesTime ? this.#partitioner.extractor.timeMs(records) : Number.NaN;
      if (offset <= this.#filter.horizon && this.#filter.covers(records)) {
        this.#skipped++;
        this.#position = offset + 1;
        continue;
      }
      const route = this.#partitioner.route(records, timeMs);
      if (route === undefined) return s3Errors.error('no-route', { message: 'the record has no field to route it by' });
      let verdict: Verdict = 1;
      if (start < 0) {
        bytes = format.nullValue;
        start = 0;
        end = bytes.length;
      } else {
        verdict = format.check(bytes, start, end);
        if (verdict === 0) return format.complaint();
      }
      const file = this.#fileFor(route, offset, timeMs);
      const grew = file.append(records, bytes, start, end, verdict);
      this.#position = offset + 1;
      if (file.records >= limits.records) this.close(file, 'records');
      else if (grew && file.isFull) this.close(file, 'bytes');
      if (grew && (this.#workshop.isShort || this.#workshop.isCrowded)) return 'room';
    }
    return undefined;
  }

  #fileFor(route: Route, offset: number, timeMs: number): ObjectFile {
    if (timeMs > this.#watermarkMs && timeMs <= this.#nowMs + credibleFutureMs) this.#watermarkMs = timeMs;
    let file = route === this.#lastRoute ? this.#lastFile : this.#files.get(route.path);
    if (file !== undefined && isBeyondSpan(file, timeMs, this.#workshop.limits)) {
      this.close(file, 'event_time');
      file = undefined;
    }
    file ??= this.#open(route, offset, timeMs);
    this.#lastRoute = route;
    this.#lastFile = file;
    return file;
  }

  #open(route: Route, offset: number, timeMs: number): ObjectFile {
    if (!this.#isReplayStable) this.rotate('partition_change');
    const file = new ObjectFile({
      workshop: this.#workshop,
      at: this.at,
      route,
      rangePath: this.#isReplayStable ? route.path : null,
      firstOffset: offset,
      firstTimeMs: timeMs,
      watermarkMs: this.#watermarkMs,
      signal: this.#abort.signal,
      onFailure: this.#onFailure,
    });
    this.#files.set(route.path, file);
    this.#nextCloseMs = Math.min(this.#nextCloseMs, file.closesMs + this.#workshop.limits.graceMs);
    return file;
  }

  /** Closes one open file. */
  close(file: ObjectFile, reason: RotationReason): void {
    this.#files.delete(file.path);
    if (file === this.#lastFile) this.#forgetLast();
    this.#sealed.add(file, reason);
  }

  #closePassed(): void {
    const { limits } = this.#workshop;
    this.rotate('partition_change', (file) => isPartitionOver(file, this.#watermarkMs, limits));
    this.#nextCloseMs = Number.POSITIVE_INFINITY;
    for (const { closesMs } of this.#files.values()) {
      this.#nextCloseMs = Math.min(this.#nextCloseMs, closesMs + limits.graceMs);
    }
  }

  #forgetLast(): void {
    this.#lastRoute = undefined;
    this.#lastFile = undefined;
  }

  async #reportBad(records: SinkRecords, reason: Error): Promise<void> {
    const offset = records.offset;
    await this.#context.badRecord(records, reason);
    this.#position = offset + 1;
  }

  /** Everything before it is in a sealed file or needs none. */
  #safeOffset(): number {
    let safe = this.#position;
    for (const { firstOffset } of this.#files.values()) safe = Math.min(safe, firstOffset);
    return safe;
  }

  #committed(offset: number): void {
    this.#context.committable([{ ...this.at, offset }]);
    if (this.#sealed.rangeCount <= mostRanges) return;
    const oldest = [...this.#files.values()].sort((a, b) => a.firstOffset - b.firstOffset);
    const closing = new Set(oldest.slice(0, Math.ceil(oldest.length / 4)));
    this.rotate('replay_window', (file) => closing.has(file));
  }

  #count(): void {
    if (this.#skipped > 0) this.#workshop.gauges.add('replayed_records_skipped_total', this.#skipped);
    if (this.#ignored > 0) this.#workshop.gauges.add('null_records_ignored_total', this.#ignored);
    this.#skipped = 0;
    this.#ignored = 0;
  }

  get #where(): string {
    return `${this.at.topic}-${this.at.partition}`;
  }
}
