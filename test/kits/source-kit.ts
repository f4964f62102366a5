/** A source task on its own: an output in memory, a driver that polls and restarts it, and the rules every task obeys. */

import { expect } from 'vitest';
import type { RecordHeader, SourceOffset, SourcePartition, SourceRecord } from '../../connectors/contract/record.ts';
import type {
  RecordAppender,
  SourceOutput,
  SourcePosition,
  SourceTask,
  SourceTaskContext,
  TaskConfig,
} from '../../connectors/contract/source.ts';
import { systemClock } from '../../core/base/clock.ts';
import { type Logger, silentLogger } from '../../core/base/logger.ts';
import { lineByLine } from '../../workers/task-thread/line-by-line.ts';

export interface KeptRecord {
  readonly topic: string;
  readonly spread: number;
  readonly key: string | null;
  readonly value: Buffer;
  readonly text: string;
  readonly headers: readonly RecordHeader[];
}

/** What one poll appended: its records count only together with its positions, as in the runtime. */
export class MemoryOutput implements SourceOutput {
  readonly records: KeptRecord[] = [];
  readonly positions: SourcePosition[] = [];
  /** Set by whoever plays a runtime that is still writing. */
  busy: Promise<void> | undefined;
  valueBytes = 0;
  largestValueBytes = 0;
  roomBytes: number;
  readonly #keepsRecords: boolean;
  #wholeCount = -1;

  /** Without `keepsRecords` it counts only, for tests of more bytes than memory should hold. */
  constructor(roomBytes: number, keepsRecords = true) {
    this.roomBytes = roomBytes;
    this.#keepsRecords = keepsRecords;
  }

  partition(topic: string, spread: number): RecordAppender {
    const keep = (key: Buffer | null, value: Buffer, headers: readonly RecordHeader[]) => {
      this.roomBytes -= value.length + 8;
      this.records.push({ topic, spread, key: key?.toString() ?? null, value, text: value.toString('utf8'), headers });
    };
    const append: RecordAppender['append'] = (bytes, start, end) => {
      if (this.#count(end - start)) keep(null, Buffer.from(bytes.subarray(start, end)), []);
    };
    return {
      append,
      appendLines: lineByLine(append, () => this.roomBytes),
      appendKeyed: (bytes, key, value) => {
        const keyBytes = key.start < 0 ? null : Buffer.from(bytes.subarray(key.start, key.end));
        const valueBytes = value.start < 0 ? Buffer.alloc(0) : Buffer.from(bytes.subarray(value.start, value.end));
        if (this.#count(valueBytes.length)) keep(keyBytes, valueBytes, []);
      },
      appendRecord: ({ key, value, headers }: SourceRecord) => {
        if (this.#count(value?.length ?? 0)) keep(key, Buffer.from(value ?? ''), headers ?? []);
      },
    };
  }

  #count(valueBytes: number): boolean {
    this.valueBytes += valueBytes;
    this.largestValueBytes = Math.max(this.largestValueBytes, valueBytes);
    if (!this.#keepsRecords) this.roomBytes -= valueBytes + 8;
    return this.#keepsRecords;
  }

  position(partition: SourcePartition, offset: SourceOffset | null): void {
    this.positions.push({ partition, offset });
  }

  transactionEnds(): void {
    this.#wholeCount = this.records.length;
  }

  /** The source said that it ended, and appended nothing after that. */
  get endsTransaction(): boolean {
    return this.#wholeCount === this.records.length;
  }
}

export class MemoryGauges {
  readonly values: Record<string, number> = {};

  add(name: string, delta: number): void {
    this.values[name] = (this.values[name] ?? 0) + delta;
  }

  set(name: string, value: number): void {
    this.values[name] = value;
  }
}

/** Everything a task says, for tests that ask whether trouble was reported. */
export class MemoryLogger implements Logger {
  readonly lines: string[] = [];

  debug(): void {}

  info(fields: object, message: string): void {
    this.lines.push(`info ${message} ${JSON.stringify(fields)}`);
  }

  warn(fields: object, message: string): void {
    this.lines.push(`warn ${message} ${JSON.stringify(fields)}`);
  }

  error(fields: object, message: string): void {
    this.lines.push(`error ${message} ${JSON.stringify(fields)}`);
  }

  child(): Logger {
    return this;
  }
}

/** What survives a task: the records, and the positions stored with them, as they were after each poll. */
export class SourceStore {
  readonly records: KeptRecord[] = [];
  readonly #offsets = new Map<string, SourcePosition>();
  /** The offsets as they were after each poll, with the number of records there were. */
  readonly history: { recordCount: number; positions: readonly SourcePosition[] }[] = [];

  get positions(): SourcePosition[] {
    return [...this.#offsets.values()];
  }

  take(output: MemoryOutput): void {
    this.records.push(...output.records);
    for (const position of output.positions) {
      const key = JSON.stringify(position.partition);
      this.#offsets.delete(key);
      if (position.offset !== null) this.#offsets.set(key, position);
    }
    if (output.positions.length > 0) this.history.push({ recordCount: this.records.length, positions: this.positions });
  }

  /** Forgets the positions that came after these; the records stay. */
  rewind(positions: readonly SourcePosition[]): void {
    this.#offsets.clear();
    for (const position of positions) this.#offsets.set(JSON.stringify(position.partition), position);
  }

  get texts(): string[] {
    return this.records.map((record) => record.text);
  }
}

export interface DriverOptions {
  readonly create: () => SourceTask;
  readonly settings: TaskConfig;
  readonly store?: SourceStore;
  /** Instead of what the store holds: a restart after a kill that lost the last positions. */
  readonly storedPositions?: readonly SourcePosition[];
  readonly once?: boolean;
  readonly roomBytes?: number;
  readonly keepsRecords?: boolean;
  readonly logger?: Logger;
  readonly clock?: SourceTaskContext['clock'];
}

export class SourceDriver {
  readonly task: SourceTask;
  readonly store: SourceStore;
  readonly gauges = new MemoryGauges();
  readonly #roomBytes: number;
  readonly #keepsRecords: boolean;
  isFinished = false;

  private constructor(options: DriverOptions) {
    this.task = options.create();
    this.store = options.store ?? new SourceStore();
    this.#roomBytes = options.roomBytes ?? 2 ** 20;
    this.#keepsRecords = options.keepsRecords ?? true;
  }

  static async open(options: DriverOptions): Promise<SourceDriver> {
    const driver = new SourceDriver(options);
    await driver.task.open({
      connector: 'kit',
      taskIndex: 0,
      settings: options.settings,
      // As the offset topic gives them back.
      storedPositions: JSON.parse(JSON.stringify(options.storedPositions ?? driver.store.positions)),
      once: options.once ?? false,
      marksTransactions: false,
      clock: options.clock ?? systemClock,
      logger: options.logger ?? silentLogger,
      gauges: driver.gauges,
    });
    return driver;
  }

  /** One poll, whose output is stored when it returns; returns the output. */
  async poll(signal: AbortSignal = new AbortController().signal): Promise<MemoryOutput> {
    const output = new MemoryOutput(this.#roomBytes, this.#keepsRecords);
    this.isFinished = (await this.task.poll(output, signal)) === 'finished';
    this.store.take(output);
    await this.task.committed?.(output.positions);
    return output;
  }

  /** Polls until the predicate holds; fails after `ms`. `onPoll` sees each poll's output. */
  async until(predicate: () => boolean, ms = 10_000, onPoll?: (output: MemoryOutput) => void): Promise<void> {
    const endsAtMs = performance.now() + ms;
    while (!predicate()) {
      if (performance.now() > endsAtMs) {
        const texts = this.store.texts.slice(-20).map((text) => text.slice(0, 60));
        throw new Error(
          `not reached in ${ms} ms; ${this.store.records.length} records, the last: ${JSON.stringify(texts)}`,
        );
      }
      const stop = new AbortController();
      const timer = setTimeout(() => stop.abort(), 50);
      const output = await this.poll(stop.signal);
      clearTimeout(timer);
      onPoll?.(output);
    }
  }

  /** Polls for a while, for tests that claim that nothing more comes. */
  async during(ms: number): Promise<void> {
    const endsAtMs = performance.now() + ms;
    await this.until(() => performance.now() > endsAtMs, ms + 10_000);
  }

  async toEnd(ms = 30_000): Promise<void> {
    await this.until(() => this.isFinished, ms);
  }

  async close(): Promise<void> {
    await this.task.close();
  }
}

/** Opens, polls to the end of a bounded run and closes; the store keeps what came. */
export async function runOnce(options: DriverOptions): Promise<SourceDriver> {
  const driver = await SourceDriver.open({ ...options, once: true });
  try {
    await driver.toEnd();
  } finally {
    await driver.close();
  }
  return driver;
}

export interface SourceRules {
  /** Options for a task over something that holds at least a hundred records and does not change. */
  readonly options: DriverOptions;
  /** What a position says about how far it is; it must never go back within a partition. */
  readonly progress: (offset: SourceOffset) => number;
}

/** The rules of the port, checked on a source whose content stands still. */
export async function checkSourceRules({ options, progress }: SourceRules): Promise<void> {
  const store = new SourceStore();
  await runOnce({ ...options, store, roomBytes: 256 });
  expect(store.records.length).toBeGreaterThanOrEqual(100);
  checkPositions(store, progress);
  await checkRestarts(options, store);
  await checkPromptReturn({ ...options, store: new SourceStore(), storedPositions: store.positions });
}

/** Primitives only, keys in one order, never back within a partition. */
function checkPositions(store: SourceStore, progress: SourceRules['progress']): void {
  const last = new Map<string, number>();
  for (const { positions } of store.history) {
    for (const { partition, offset } of positions) {
      const values = [...Object.values(partition), ...Object.values(offset!)];
      for (const value of values) expect(value === null || typeof value !== 'object').toBe(true);
      const key = JSON.stringify(partition);
      expect(progress(offset!)).toBeGreaterThanOrEqual(last.get(key) ?? Number.NEGATIVE_INFINITY);
      last.set(key, progress(offset!));
    }
  }
}

/** From every stored state a restart brings exactly the records that came after it. */
async function checkRestarts(options: DriverOptions, store: SourceStore): Promise<void> {
  const step = Math.max(1, Math.floor(store.history.length / 8));
  for (let i = 0; i < store.history.length; i += step) {
    const { recordCount, positions } = store.history[i]!;
    const after = new SourceStore();
    await runOnce({ ...options, store: after, storedPositions: positions });
    expect(after.texts.toSorted()).toEqual(store.texts.slice(recordCount).toSorted());
  }
}

/** With nothing to read, a poll comes back by itself within about a second and at once when it is told to. */
async function checkPromptReturn(options: DriverOptions): Promise<void> {
  const driver = await SourceDriver.open(options);
  try {
    const startedMs = performance.now();
    expect((await driver.poll()).records).toEqual([]);
    expect(performance.now() - startedMs).toBeLessThan(5000);
    const stop = new AbortController();
    const polling = driver.poll(stop.signal);
    setTimeout(() => stop.abort(), 20);
    const abortedMs = performance.now();
    await polling;
    expect(performance.now() - abortedMs).toBeLessThan(900);
  } finally {
    await driver.close();
  }
}
