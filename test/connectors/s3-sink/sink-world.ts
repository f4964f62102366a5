/** A topic, a group and a bucket around sink tasks that come and go, with the promises checked all the time. */

import { setImmediate } from 'node:timers/promises';
import { gunzipSync, zstdDecompressSync } from 'node:zlib';
import type { SinkPosition, SinkTask, SinkTaskContext } from '../../../connectors/contract/sink.ts';
import { S3SinkTask } from '../../../connectors/s3-sink/task.ts';
import { silentLogger } from '../../../core/base/logger.ts';
import { FakeClock } from '../../fakes/fake-clock.ts';
import { type PlainRecord, RunOfRecords } from '../../fakes/run-of-records.ts';
import { type Fate, SimulatedBucket, SimulatedStore } from './simulated-store.ts';

/** Sleeps take no time but move the clock on; timers wait for `advance`. */
export class HastyClock extends FakeClock {
  override async sleep(ms: number, signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    this.jumpWall(ms);
    await setImmediate();
    signal?.throwIfAborted();
  }
}

export interface WorldOptions {
  readonly topics: ReadonlyMap<string, readonly PlainRecord[]>;
  readonly settings: Readonly<Record<string, string>>;
  /** The fate of each store call in turn; asked until the world is told that all goes well. */
  readonly fate: () => Fate;
}

/** One life of a task. */
export interface Incarnation {
  readonly task: SinkTask;
  readonly store: SimulatedStore;
  readonly positions: Map<string, number>;
  failure: unknown;
}

export class SinkWorld {
  readonly bucket = new SimulatedBucket();
  readonly clock = new HastyClock();
  readonly committed = new Map<string, number>();
  readonly badOffsets: number[] = [];
  readonly #options: WorldOptions;
  /** Promises found broken; must stay empty. */
  readonly broken: string[] = [];
  isCalm = false;

  constructor(options: WorldOptions) {
    this.#options = options;
  }

  /** Starts a task that owns every partition; undefined when it failed or died on the way. */
  async start(): Promise<Incarnation | undefined> {
    const store = new SimulatedStore(this.bucket, () => (this.isCalm ? 'fine' : this.#options.fate()));
    const task = new S3SinkTask(async () => store);
    const life: Incarnation = { task, store, positions: new Map(), failure: undefined };
    const partitions = [...this.#options.topics.keys()].map(toPartition);
    const positions = await this.#survive(life, async () => {
      await task.open(this.#context(life));
      return await task.assigned(partitions);
    });
    if (positions === undefined) return undefined;
    for (const name of this.#options.topics.keys()) life.positions.set(name, this.committed.get(name) ?? 0);
    for (const at of positions) life.positions.set(`${at.topic}-${at.partition}`, at.offset);
    return life;
  }

  /** Gives the task up to `count` more records of each partition. */
  async put(life: Incarnation, count: number): Promise<void> {
    for (const [name, records] of this.#options.topics) {
      const from = life.positions.get(name)!;
      const run = records.filter(({ offset }) => offset >= from).slice(0, count);
      if (run.length === 0) continue;
      const { topic, partition } = toPartition(name);
      await this.#survive(life, () => life.task.put(new RunOfRecords(topic, partition, run)));
      life.positions.set(name, run.at(-1)!.offset + 1);
    }
  }

  async drain(life: Incarnation): Promise<void> {
    await this.#survive(life, () => life.task.drain());
  }

  async close(life: Incarnation): Promise<void> {
    const closing = life.task.close();
    for (let i = 0; i < 50; i++) await setImmediate();
    await this.clock.advance(5000);
    await Promise.race([closing, life.store.died]);
  }

  isOver(life: Incarnation): boolean {
    return life.failure !== undefined || life.store.isDead;
  }

  /** Every record as often as it is visible, by topic partition, with problems of single objects noted as broken promises. */
  visible(): Map<string, number[]> {
    const found = new Map<string, number[]>();
    for (const [key, { content }] of this.bucket.objects) {
      const [, topic, partition, first] = /([^/+]+)\+(\d+)\+(\d+)\.[a-z.]+$/.exec(key)!;
      const text = key.endsWith('.gz')
        ? gunzipSync(content)
        : key.endsWith('.zst')
          ? zstdDecompressSync(content)
          : content;
      const offsets = text
        .toString()
        .split('\n')
        .slice(0, -1)
        .map((line) => (JSON.parse(line) as { n: number }).n);
      if (offsets[0] !== Number(first)) this.broken.push(`${key} starts with ${offsets[0]}`);
      if (offsets.some((offset, i) => i > 0 && offset <= offsets[i - 1]!)) this.broken.push(`${key} is out of order`);
      const name = `${topic}-${partition}`;
      found.set(name, [...(found.get(name) ?? []), ...offsets]);
    }
    for (const [name, offsets] of found) {
      const twice = offsets.filter((offset, i) => offsets.indexOf(offset) !== i);
      if (twice.length > 0) this.broken.push(`${name}: visible twice: ${twice.join(', ')}`);
    }
    return found;
  }

  #context(life: Incarnation): SinkTaskContext {
    return {
      connector: 'model',
      taskIndex: 0,
      settings: this.#options.settings,
      clock: this.clock,
      logger: silentLogger,
      gauges: { add() {}, set() {} },
      committable: (positions) => {
        if (!life.store.isDead) this.#checkCommittable(positions);
      },
      badRecord: async (records) => {
        this.badOffsets.push(records.offset);
      },
      failed: (error) => {
        life.failure ??= error;
      },
    };
  }

  /** Promise 2: what is reported as committable is visible. */
  #checkCommittable(positions: readonly SinkPosition[]): void {
    const visible = this.visible();
    for (const { topic, partition, offset } of positions) {
      const name = `${topic}-${partition}`;
      const seen = new Set(visible.get(name));
      const missing = this.#options.topics
        .get(name)!
        .filter((record) => record.offset < offset && !seen.has(record.offset));
      const lost = missing.filter((record) => !this.badOffsets.includes(record.offset) && record.value !== null);
      if (lost.length > 0)
        this.broken.push(`${name}: ${lost.map((record) => record.offset)} before ${offset} not visible`);
      this.committed.set(name, offset);
    }
  }

  async #survive<T>(life: Incarnation, work: () => Promise<T>): Promise<T | undefined> {
    try {
      const failed = this.#failureOf(life);
      return (await Promise.race([work(), life.store.died, failed])) as T | undefined;
    } catch (error) {
      life.failure ??= error;
      return undefined;
    }
  }

  async #failureOf(life: Incarnation): Promise<undefined> {
    for (let i = 0; i < 100_000 && life.failure === undefined && !life.store.isDead; i++) await setImmediate();
    return undefined;
  }
}

function toPartition(name: string): { topic: string; partition: number } {
  const dash = name.lastIndexOf('-');
  return { topic: name.slice(0, dash), partition: Number(name.slice(dash + 1)) };
}
