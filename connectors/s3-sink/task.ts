/** The task: takes partitions over, hands records to their writers, and ends cleanly. */

import { randomUUID } from 'node:crypto';
import { invariant } from '../../core/base/errors.ts';
import type { SinkRecords, TopicPartition } from '../contract/record.ts';
import type { SinkPosition, SinkTask, SinkTaskContext } from '../contract/sink.ts';
import { Committer } from './commit/committer.ts';
import { findLeftovers } from './commit/sweep.ts';
import { definition, type S3SinkConfig } from './config.ts';
import { s3Errors } from './error-codes.ts';
import { relieve } from './files/relief.ts';
import type { Workshop } from './files/workshop.ts';
import { PartitionWriter } from './partition-writer.ts';
import { type Layout, layoutOf } from './partitioners/partitioner.ts';
import { TimeZone } from './partitioners/time-zone.ts';
import { RotationTimer } from './rotation-timer.ts';
import { openStore, openWorkshop } from './setup.ts';
import type { ObjectStore } from './store/store.ts';

/** How long `open` waits for a store that does not answer before it fails, to be tried again by the runtime. */
const openPatienceMs = 30_000;

/** How long a partition that moves elsewhere may take to make its files visible; what is not visible then is read again. */
const revokePatienceMs = 10_000;

/** How long the end waits for uploads left behind to be removed; the next owner removes the rest. */
const farewellMs = 2000;

/** Partitions taken over at once. */
const takeoversAtOnce = 8;

export class S3SinkTask implements SinkTask {
  readonly #openStore: (config: S3SinkConfig) => Promise<ObjectStore>;
  readonly #abort = new AbortController();
  readonly #writers = new Map<string, PartitionWriter>();
  readonly #owner = randomUUID();
  #context!: SinkTaskContext;
  #config!: S3SinkConfig;
  #layout!: Layout;
  #store: ObjectStore | undefined;
  #workshop!: Workshop;
  #timer: RotationTimer | undefined;
  #failure: { readonly error: unknown } | undefined;
  readonly #relieve = (signal: AbortSignal) => this.#makeRoom(signal);

  /** A test gives its own store. */
  constructor(open: (config: S3SinkConfig) => Promise<ObjectStore> = openStore) {
    this.#openStore = open;
  }

  async open(context: SinkTaskContext): Promise<void> {
    this.#context = context;
    this.#config = definition.require(context.settings);
    this.#layout = layoutOf(this.#config);
    this.#store = await this.#openStore(this.#config);
    this.#workshop = openWorkshop(this.#config, context, this.#store);
    await this.#probe(this.#store);
    const scheduleMs = this.#config['rotate.schedule.interval.ms'];
    this.#timer = new RotationTimer({
      clock: context.clock,
      writers: () => this.#writers.values(),
      scheduleMs: scheduleMs > 0 ? scheduleMs : undefined,
      zone: new TimeZone(this.#config.timezone),
    });
  }

  async assigned(partitions: readonly TopicPartition[]): Promise<readonly SinkPosition[]> {
    this.#checkFailure();
    const added = partitions.filter((at) => !this.#writers.has(nameOf(at)));
    const positions: SinkPosition[] = [];
    for (let i = 0; i < added.length; i += takeoversAtOnce) {
      const taken = await Promise.all(added.slice(i, i + takeoversAtOnce).map((at) => this.#takeOver(at)));
      positions.push(...taken.filter((position) => position !== undefined));
    }
    const { calls, names } = this.#workshop;
    const leftovers = await findLeftovers(calls, names, added, this.#abort.signal);
    for (const upload of leftovers) void calls.abort(upload, this.#abort.signal);
    this.#timer?.arm();
    // The owner before may have died between making them durable and reporting it.
    if (positions.length > 0) this.#context.committable(positions);
    return positions;
  }

  async put(records: SinkRecords): Promise<void> {
    this.#checkFailure();
    const writer = this.#writers.get(nameOf(records));
    invariant(writer !== undefined, `records of ${nameOf(records)}, which was not assigned`);
    await writer.put(records, this.#relieve);
    await this.#makeRoom(this.#abort.signal);
    this.#workshop.gauges.set('buffered_bytes', this.#workshop.memory.usedBytes);
    this.#timer?.arm();
    this.#checkFailure();
  }

  async drain(): Promise<void> {
    this.#checkFailure();
    await Promise.all([...this.#writers.values()].map((writer) => writer.drain('drain')));
    this.#checkFailure();
  }

  async revoked(partitions: readonly TopicPartition[], lost: boolean): Promise<void> {
    const leaving = partitions.map((at) => this.#writers.get(nameOf(at))).filter((writer) => writer !== undefined);
    if (!lost && this.#failure === undefined) await this.#within(revokePatienceMs, leaving);
    for (const { at } of leaving) this.#writers.delete(nameOf(at));
    await this.#stop(leaving);
  }

  /** May be called while another call waits for the store; that call then rejects. */
  async close(): Promise<void> {
    this.#timer?.stop();
    const writers = [...this.#writers.values()];
    this.#writers.clear();
    await this.#stop(writers);
    this.#abort.abort(new Error('the task was closed'));
    this.#workshop?.codec.close();
    await this.#store?.close();
  }

  async #probe(store: ObjectStore): Promise<void> {
    const { clock } = this.#context;
    const giveUpMs = clock.monotonicMs() + openPatienceMs;
    for (;;) {
      try {
        return await store.probe(this.#workshop.names.ownFolder, this.#abort.signal);
      } catch (error) {
        this.#abort.signal.throwIfAborted();
        const isPassing = s3Errors.is(error, 'unavailable') || s3Errors.is(error, 'throttled');
        if (!isPassing || clock.monotonicMs() >= giveUpMs) throw error;
        await clock.sleep(1000, this.#abort.signal);
      }
    }
  }

  async #takeOver(at: TopicPartition): Promise<SinkPosition | undefined> {
    const { calls, names } = this.#workshop;
    const key = names.checkpoint(at);
    const options = { calls, at, key, owner: this.#owner, layout: this.#layout };
    const committer = await Committer.takeOver(options, this.#abort.signal);
    const writer = new PartitionWriter({
      at: { topic: at.topic, partition: at.partition },
      workshop: this.#workshop,
      layout: this.#layout,
      committer,
      nullValues: this.#config['behavior.on.null.values'],
      context: this.#context,
      onFailure: (error) => this.#fail(error),
    });
    this.#writers.set(nameOf(at), writer);
    const offset = committer.checkpoint.next;
    return offset === null ? undefined : { topic: at.topic, partition: at.partition, offset };
  }

  /** What chunks become moves into open files while this waits, so it looks after each change whether some must close. */
  async #makeRoom(signal: AbortSignal): Promise<void> {
    relieve(this.#writers.values(), this.#workshop);
    while (this.#workshop.isShort) {
      await this.#workshop.memory.change(signal);
      this.#checkFailure();
      relieve(this.#writers.values(), this.#workshop);
    }
  }

  /** Makes what the partitions hold visible if that is possible in time. */
  async #within(patienceMs: number, writers: readonly PartitionWriter[]): Promise<void> {
    const done = new AbortController();
    const draining = Promise.all(writers.map((writer) => writer.drain('revoked')));
    draining.catch(() => undefined);
    const patience = this.#context.clock.sleep(patienceMs, done.signal).catch(() => undefined);
    await Promise.race([draining, patience]).finally(() => done.abort());
  }

  async #stop(writers: readonly PartitionWriter[]): Promise<void> {
    if (writers.length === 0) return;
    const farewell = new AbortController();
    const timer = this.#context.clock.timer(farewellMs, () => farewell.abort(new Error('the uploads are left behind')));
    const stopping = Promise.all(writers.map((writer) => writer.stop(farewell.signal)));
    const timeout = new Promise<void>((resolve) => farewell.signal.addEventListener('abort', () => resolve()));
    await Promise.race([stopping, timeout]);
    timer.cancel();
  }

  #fail(error: unknown): void {
    if (this.#failure !== undefined || this.#abort.signal.aborted) return;
    this.#failure = { error };
    this.#context.failed(error);
  }

  #checkFailure(): void {
    if (this.#failure !== undefined) throw this.#failure.error;
  }
}

function nameOf({ topic, partition }: TopicPartition): string {
  return `${topic}-${partition}`;
}
