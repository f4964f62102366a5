/** Random work with random crashes: what was acknowledged is there, offsets are dense, a repetition is never stored twice. */

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { kafkaErrors } from '../../../core/protocol/kafka-errors.ts';
import { batchOf, readAll, TestMachine } from './fixtures.ts';

type Step =
  | { readonly kind: 'append'; readonly producer: number; readonly records: number; readonly bytes: number }
  | { readonly kind: 'settle' }
  | { readonly kind: 'wait'; readonly ms: number }
  | { readonly kind: 'fill'; readonly room: number }
  | { readonly kind: 'restart' }
  | { readonly kind: 'die'; readonly after: number }
  | {
      readonly kind: 'crash';
      readonly power: boolean;
      readonly writes: number;
      readonly bytes: number;
      readonly names: number;
    };

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 12,
    arbitrary: fc.record({
      kind: fc.constant('append' as const),
      producer: fc.integer({ min: 0, max: 3 }),
      records: fc.integer({ min: 1, max: 4 }),
      bytes: fc.integer({ min: 0, max: 120 }),
    }),
  },
  { weight: 3, arbitrary: fc.constant({ kind: 'settle' as const }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('wait' as const), ms: fc.integer({ min: 1, max: 20_000 }) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('fill' as const), room: fc.integer({ min: 0, max: 300 }) }) },
  { weight: 1, arbitrary: fc.constant({ kind: 'restart' as const }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('die' as const), after: fc.integer({ min: 0, max: 12 }) }) },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('crash' as const),
      power: fc.boolean(),
      writes: fc.nat(4),
      bytes: fc.nat(400),
      names: fc.nat(4),
    }),
  },
);

/** In large ones what a checkpoint says of the active segment matters. */
const segmentSizes = fc.constantFrom(700, 20_000);

/** One idempotent producer as a client has it: batches it sent and was not answered are sent again, in order. */
class Client {
  readonly id: number;
  readonly unanswered: { sequence: number; values: string[] }[] = [];
  nextSequence = 0;

  constructor(id: number) {
    this.id = id;
  }
}

class Run {
  readonly machine: TestMachine;
  readonly clients = [0, 1, 2].map((id) => new Client(id));
  readonly acknowledged = new Map<string, number>();
  readonly #durability: 'strict' | 'default';
  #pending: Promise<void>[] = [];
  #values = 0;

  constructor(durability: 'strict' | 'default', segmentBytes: number) {
    this.#durability = durability;
    this.machine = new TestMachine({
      durability,
      activeCheckpointBytes: 100,
      checkpointIntervalMs: 100,
      config: { segmentBytes, indexIntervalBytes: 100 },
    });
  }

  async take(step: Step): Promise<void> {
    const { machine } = this;
    switch (step.kind) {
      case 'append':
        this.#append(step);
        return;
      case 'settle':
        return machine.settle();
      case 'wait':
        return machine.clock.advance(step.ms);
      case 'fill':
        machine.disk.capacityBytes = machine.disk.usedBytes + step.room;
        await machine.settle();
        machine.disk.capacityBytes = Number.POSITIVE_INFINITY;
        return;
      case 'restart':
        await machine.logs.close();
        return this.reopen();
      case 'die':
        machine.disk.dieAfter(step.after);
        return;
      case 'crash':
        return this.crash(step);
    }
  }

  async crash({ power, writes, bytes, names }: Extract<Step, { kind: 'crash' }>): Promise<void> {
    const { disk } = this.machine;
    if (power) {
      disk.crash({
        kind: 'power',
        keptWrites: (count) => Math.min(writes, count),
        keptBytes: (length) => Math.min(bytes, length),
        keptNames: (count) => Math.min(names, count),
      });
    } else disk.crash({ kind: 'process' });
    await this.reopen();
  }

  /** Starts again, checks what must hold, then lets the clients send again what they were not answered. */
  async reopen(): Promise<void> {
    const { machine } = this;
    await machine.settle();
    await Promise.all(this.#pending);
    this.#pending = [];
    if (machine.disk.isDead) machine.disk.crash({ kind: 'power' });
    machine.disk.dieAfter(Number.POSITIVE_INFINITY);
    await machine.start();
    await this.check();
    for (const client of this.clients) {
      const again = client.unanswered.splice(0);
      for (const batch of again) await this.#send(client, batch);
      expect(client.unanswered).toEqual([]);
    }
    await this.check();
  }

  async check(): Promise<void> {
    const { log } = this.machine;
    const records = await readAll(log, 500);
    expect(records.map((record) => record.offset)).toEqual(records.map((_, index) => index));
    expect(records.length).toBe(log.logEndOffset);
    const offsets = new Map(records.map((record) => [record.value!, record.offset]));
    expect(offsets.size).toBe(records.length);
    for (const [value, offset] of this.acknowledged) expect([value, offsets.get(value)]).toEqual([value, offset]);
  }

  #append({ producer, records, bytes }: Extract<Step, { kind: 'append' }>): void {
    const values = Array.from({ length: records }, () => `${this.#values++}:${'x'.repeat(bytes)}`);
    const client = this.clients[producer];
    if (client === undefined) this.#sendPlain(values);
    // A client has at most five batches under way.
    else if (client.unanswered.length < 5) {
      const sequence = client.nextSequence;
      client.nextSequence += values.length;
      this.#pending.push(this.#send(client, { sequence, values }));
    }
  }

  /** Without a producer id, acks=1: in `default` mode a power loss may take it. */
  #sendPlain(values: string[]): void {
    const sent = this.machine.log.append(batchOf(values), { acks: 1, origin: 'client' }).then((result) => {
      const isSafe = this.#durability === 'strict';
      if (result.errorCode === kafkaErrors.NONE && isSafe) this.#acknowledge(values, result.baseOffset);
    });
    this.#pending.push(sent);
  }

  async #send(client: Client, batch: { sequence: number; values: string[] }): Promise<void> {
    client.unanswered.push(batch);
    const stamp = { producerId: client.id, producerEpoch: 0, baseSequence: batch.sequence };
    const result = await this.machine.log.append(batchOf(batch.values, { producer: stamp }), {
      acks: -1,
      origin: 'client',
    });
    if (result.errorCode === kafkaErrors.NONE) {
      client.unanswered.splice(client.unanswered.indexOf(batch), 1);
      this.#acknowledge(batch.values, result.baseOffset);
    } else {
      // Refused for the time being, or behind a batch that was: it is sent again after the next start.
      expect([kafkaErrors.KAFKA_STORAGE_ERROR, kafkaErrors.OUT_OF_ORDER_SEQUENCE_NUMBER]).toContain(result.errorCode);
    }
  }

  #acknowledge(values: string[], baseOffset: number): void {
    values.forEach((value, index) => {
      this.acknowledged.set(value, baseOffset + index);
    });
  }
}

test.each(['strict', 'default'] as const)(
  '%s: nothing acknowledged is lost and nothing is stored twice',
  async (durability) => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 60 }), segmentSizes, async (steps, segmentBytes) => {
        const run = new Run(durability, segmentBytes);
        await run.machine.start();
        for (const next of steps) await run.take(next);
        await run.crash({ kind: 'crash', power: true, writes: 0, bytes: 0, names: 0 });
        await run.machine.restart();
        await run.check();
      }),
      { numRuns: 150 },
    );
  },
);

test('bytes that a full disk refused do not come back into a segment that ended behind them', async () => {
  const m = new TestMachine({ durability: 'strict', config: { segmentBytes: 700, indexIntervalBytes: 100 } });
  await m.start();
  for (const value of ['a', 'b']) await m.append([value]);
  m.disk.capacityBytes = m.disk.usedBytes + 1;
  expect((await m.append(['refused'])).errorCode).toBe(kafkaErrors.KAFKA_STORAGE_ERROR);
  m.disk.capacityBytes = Number.POSITIVE_INFINITY;
  await m.append(['c'.repeat(600)]); // does not fit: the next segment begins
  m.disk.crash({ kind: 'power', keptWrites: () => 0, keptBytes: () => 1, keptNames: () => 0 });
  await m.start();
  expect((await readAll(m.log, 500)).map((record) => record.value)).toEqual(['a', 'b', 'c'.repeat(600)]);
});
