/** Many partitions behind one write-ahead log, with crashes anywhere in its life: nothing acknowledged is lost, nothing is stored twice. */

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { diskErrors } from '../../../core/base/error-codes.ts';
import { silentLogger } from '../../../core/base/logger.ts';
import { type Logs, openLogs } from '../../../core/log/log-manager.ts';
import { kafkaErrors } from '../../../core/protocol/kafka-errors.ts';
import type { Crash } from '../../fakes/crash.ts';
import { FakeClock } from '../../fakes/fake-clock.ts';
import { FakeDisk } from '../../fakes/fake-disk.ts';
import { MachineDisk } from '../../fakes/machine-disk.ts';
import { batchOf, dataDir, readAll, testConfig } from './fixtures.ts';

type Step =
  | {
      readonly kind: 'round';
      readonly partitions: readonly number[];
      readonly acks: 1 | -1;
      readonly bytes: number;
      readonly times: number;
    }
  | { readonly kind: 'settle' }
  | { readonly kind: 'wait'; readonly ms: number }
  | { readonly kind: 'fill'; readonly room: number }
  | { readonly kind: 'fault'; readonly call: 'write' | 'sync'; readonly isWal: boolean; readonly nth: number }
  | { readonly kind: 'recreate'; readonly partition: number }
  | { readonly kind: 'restart' }
  | { readonly kind: 'die'; readonly after: number }
  | { readonly kind: 'crash'; readonly power: boolean; readonly kept: readonly [number, number, number] };

const partitionCount = 6;
const partition = fc.integer({ min: 0, max: partitionCount - 1 });

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 14,
    arbitrary: fc.record({
      kind: fc.constant('round' as const),
      partitions: fc.uniqueArray(partition, { minLength: 3 }),
      acks: fc.constantFrom<1 | -1>(-1, -1, -1, 1),
      bytes: fc.integer({ min: 0, max: 200 }),
      times: fc.integer({ min: 1, max: 8 }),
    }),
  },
  { weight: 6, arbitrary: fc.constant({ kind: 'settle' as const }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('wait' as const), ms: fc.integer({ min: 1, max: 20_000 }) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('fill' as const), room: fc.integer({ min: 0, max: 900 }) }) },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('fault' as const),
      call: fc.constantFrom('write' as const, 'sync' as const),
      isWal: fc.boolean(),
      nth: fc.integer({ min: 1, max: 4 }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('recreate' as const), partition }) },
  { weight: 1, arbitrary: fc.constant({ kind: 'restart' as const }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('die' as const), after: fc.integer({ min: 0, max: 40 }) }) },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('crash' as const),
      power: fc.boolean(),
      kept: fc.tuple(fc.nat(4), fc.nat(400), fc.nat(4)),
    }),
  },
);

/** Small ones end, and are synced for that, before the write-ahead log comes round. */
const segmentSizes = fc.constantFrom(700, 50_000);

interface Sent {
  readonly sequence: number;
  readonly value: string;
}

/** An idempotent producer of one partition, and what it knows to be stored. */
class Client {
  topicId = 'first';
  unanswered: Sent[] = [];
  nextSequence = 0;
  readonly acknowledged = new Map<string, number>();
}

class Run {
  readonly disk = new FakeDisk();
  /** The disk as the present life of the machine sees it. */
  #machine = new MachineDisk(this.disk);
  readonly clock = new FakeClock();
  clients = Array.from({ length: partitionCount }, () => new Client());
  logs!: Logs;
  readonly segmentBytes: number;
  #pending: Promise<void>[] = [];
  #values = 0;

  constructor(segmentBytes: number) {
    this.segmentBytes = segmentBytes;
  }

  async start(): Promise<void> {
    const { clock } = this;
    // A process that failed has ended before the next one starts.
    this.#machine.die();
    this.#machine = new MachineDisk(this.disk);
    this.logs = await openLogs({
      ...{ disk: this.#machine, clock, logger: silentLogger, dataDir, durability: 'default' },
      maxConcurrentSyncs: 1,
      walMinPartitions: 2,
      activeCheckpointBytes: 100,
      walFileBytes: 1200,
    });
    for (const index of this.clients.keys()) await this.#create(index);
  }

  async take(step: Step): Promise<void> {
    switch (step.kind) {
      case 'round':
        for (let time = 0; time < step.times; time += 1) {
          for (const index of step.partitions) this.#append(index, step);
          if (time > 0) await this.settle();
        }
        return this.logs.failed.aborted ? this.reopen() : undefined;
      case 'settle':
        return this.settle();
      case 'wait':
        return this.clock.advance(step.ms);
      case 'fill':
        this.disk.capacityBytes = this.disk.usedBytes + step.room;
        await this.settle();
        this.disk.capacityBytes = Number.POSITIVE_INFINITY;
        return;
      case 'fault':
        this.disk.fail(step.call, diskErrors.error('failed', { message: 'EIO', where: 'the device' }), {
          nth: step.nth,
          path: step.isWal ? /write-ahead/ : /\.log$/,
        });
        return;
      case 'recreate':
        return this.#recreate(step.partition);
      case 'restart':
        await this.logs.close();
        return this.reopen();
      case 'die':
        this.disk.dieAfter(step.after);
        return;
      case 'crash':
        this.crash(step);
        return this.reopen();
    }
  }

  crash({ power, kept: [writes, bytes, names] }: Extract<Step, { kind: 'crash' }>): void {
    this.#end(
      power
        ? {
            kind: 'power',
            keptWrites: (count) => Math.min(writes, count),
            keptBytes: (length) => Math.min(bytes, length),
            keptNames: (count) => Math.min(names, count),
          }
        : { kind: 'process' },
    );
  }

  /** What still runs of the logs, a timer say, does nothing to the disk any more. */
  #end(crash: Crash): void {
    this.#machine.die();
    this.disk.crash(crash);
  }

  settle(): Promise<void> {
    return new Promise((resolve) => setImmediate(resolve));
  }

  /** A start that itself may die and be repeated; then what must hold is checked, and the clients send again. */
  async reopen(): Promise<void> {
    await this.settle();
    await Promise.all(this.#pending);
    this.#pending = [];
    if (this.disk.isDead) this.#end({ kind: 'power' });
    this.disk.dieAfter(this.#values % 30);
    await this.start().catch(() => {});
    if (this.disk.isDead) this.#end({ kind: 'power', keptWrites: () => this.#values % 3 });
    else {
      this.disk.dieAfter(Number.POSITIVE_INFINITY);
      this.#end({ kind: 'process' });
    }
    await this.start();
    await this.check();
    for (const [index, client] of this.clients.entries()) {
      for (const sent of client.unanswered.splice(0)) await this.#send(index, sent);
      expect(client.unanswered).toEqual([]);
    }
    await this.check();
  }

  async check(): Promise<void> {
    for (const [index, { acknowledged }] of this.clients.entries()) {
      const log = this.logs.partition('t', index)!;
      expect(log.failure).toBeUndefined();
      const records = await readAll(log, 500);
      expect(records.map((record) => record.offset)).toEqual(records.map((_, at) => at));
      expect(records.length).toBe(log.logEndOffset);
      const offsets = new Map(records.map((record) => [record.value!, record.offset]));
      expect(offsets.size).toBe(records.length);
      for (const value of offsets.keys()) expect(value.split(':')[0]).toBe(`${this.clients[index]!.topicId}/${index}`);
      for (const [value, offset] of acknowledged) expect([value, offsets.get(value)]).toEqual([value, offset]);
    }
  }

  #create(index: number) {
    const config = testConfig({ segmentBytes: this.segmentBytes, indexIntervalBytes: 100 });
    return this.logs.createPartition({ topic: 't', partition: index, topicId: this.clients[index]!.topicId, config });
  }

  /** The topic is made anew under another id: nothing of the old one may come back. */
  async #recreate(index: number): Promise<void> {
    if (this.logs.failed.aborted) return;
    this.clients[index] = new Client();
    this.clients[index].topicId = `again-${this.#values++}`;
    await this.#create(index).catch(() => this.disk.dieAfter(0));
  }

  #append(index: number, { acks, bytes }: Extract<Step, { kind: 'round' }>): void {
    const client = this.clients[index]!;
    const value = `${client.topicId}/${index}:${this.#values++}:${'x'.repeat(bytes)}`;
    if (acks === 1) {
      // Its answer comes before it is durable, and its memory is used again then.
      const batch = batchOf([value]);
      const log = this.logs.partition('t', index);
      if (log !== undefined)
        this.#pending.push(log.append(batch, { acks, origin: 'client' }).then(() => void batch.fill(0x55)));
    } else if (client.unanswered.length < 5) {
      const sent = { sequence: client.nextSequence++, value };
      this.#pending.push(this.#send(index, sent));
    }
  }

  async #send(index: number, sent: Sent): Promise<void> {
    const client = this.clients[index]!;
    client.unanswered.push(sent);
    const batch = batchOf([sent.value], { producer: { producerId: 7, producerEpoch: 0, baseSequence: sent.sequence } });
    const log = this.logs.partition('t', index);
    if (log === undefined) return;
    const result = await log.append(batch, { acks: -1, origin: 'client' });
    batch.fill(0x55);
    if (result.errorCode === kafkaErrors.NONE) {
      client.unanswered = client.unanswered.filter((other) => other !== sent);
      client.acknowledged.set(sent.value, result.baseOffset);
    } else {
      expect([kafkaErrors.KAFKA_STORAGE_ERROR, kafkaErrors.OUT_OF_ORDER_SEQUENCE_NUMBER]).toContain(result.errorCode);
    }
  }
}

test('nothing acknowledged is lost and nothing is stored twice', async () => {
  let framesWritten = 0;
  let frameBytes = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 10, maxLength: 80 }), segmentSizes, async (steps, segmentBytes) => {
      const run = new Run(segmentBytes);
      const write = run.disk.open.bind(run.disk);
      run.disk.open = async (file, mode) => {
        const opened = await write(file, mode);
        if (!/write-ahead/.test(file)) return opened;
        return {
          ...opened,
          write: (buffers, position) => {
            const bytes = Buffer.concat(buffers);
            if (bytes.readUInt32BE(0) === 0x4d57414c) {
              framesWritten += 1;
              frameBytes += bytes.length;
            }
            return opened.write(buffers, position);
          },
        };
      };
      await run.start();
      for (const next of steps) await run.take(next);
      run.crash({ kind: 'crash', power: true, kept: [0, 0, 0] });
      await run.reopen();
    }),
    { numRuns: 50 },
  );
  // The property would hold without the write-ahead log as well: it must have been at work, and around its files' end.
  expect(framesWritten).toBeGreaterThan(300);
  expect(frameBytes).toBeGreaterThan(50 * 1200);
});
