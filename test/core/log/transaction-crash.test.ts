/** Transactions in one log with random crashes: what is open, what was aborted and how far committed reads go is what the surviving batches say. */

import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  batchBaseOffset,
  batchLastOffset,
  batchProducerId,
  isControl,
  isTransactional,
} from '../../../core/protocol/batch-header.ts';
import { walkBatches } from '../../../core/protocol/batch-validate.ts';
import { decodeMarker } from '../../../core/protocol/control-batch.ts';
import { kafkaErrors } from '../../../core/protocol/kafka-errors.ts';
import { batchOf, TestMachine } from './fixtures.ts';

const { NONE, KAFKA_STORAGE_ERROR } = kafkaErrors;
const producerIds = [7, 8, 9];
const producerId = fc.constantFrom(...producerIds);
const of = <K extends string>(...kinds: K[]) => fc.constantFrom(...kinds);

const step = fc.oneof(
  { weight: 12, arbitrary: fc.record({ kind: of('write'), producerId, bytes: fc.nat(120) }) },
  { weight: 7, arbitrary: fc.record({ kind: of('mark'), producerId, isCommit: fc.boolean() }) },
  { weight: 4, arbitrary: fc.record({ kind: of('settle', 'plain') }) },
  { weight: 2, arbitrary: fc.record({ kind: of('wait'), ms: fc.integer({ min: 1, max: 20_000 }) }) },
  { weight: 1, arbitrary: fc.record({ kind: of('fill'), room: fc.nat(300) }) },
  { weight: 1, arbitrary: fc.record({ kind: of('restart') }) },
  { weight: 1, arbitrary: fc.record({ kind: of('die'), after: fc.nat(12) }) },
  {
    weight: 2,
    arbitrary: fc.record({
      ...{ kind: of('crash'), power: fc.boolean() },
      ...{ writes: fc.nat(4), bytes: fc.nat(400), names: fc.nat(4) },
    }),
  },
);
type Step = typeof step extends fc.Arbitrary<infer S> ? S : never;

interface Ended {
  readonly producerId: number;
  readonly firstOffset: number;
  readonly lastOffset: number;
}

class Run {
  readonly machine: TestMachine;
  /** The batch each producer has not been answered; it is sent again before the next one. */
  readonly #unanswered = new Map<number, Buffer>();
  readonly #busy = new Set<number>();
  readonly #sequences = new Map<number, number>();
  /** Offset → whose batch or marker was acknowledged there. */
  readonly #acknowledged = new Map<number, number>();
  #pending: Promise<void>[] = [];

  constructor(segmentBytes: number) {
    const checkpoints = { activeCheckpointBytes: 100, checkpointIntervalMs: 100 };
    this.machine = new TestMachine({ ...checkpoints, config: { segmentBytes, indexIntervalBytes: 100 } });
  }

  async take(next: Step): Promise<void> {
    const { machine } = this;
    switch (next.kind) {
      case 'write':
        return this.#write(next.producerId, next.bytes);
      case 'mark':
        return this.#mark(next.producerId, next.isCommit);
      case 'plain':
        this.#pending.push(machine.append(['plain']).then(() => {}));
        return;
      case 'settle':
        await machine.settle();
        return;
      case 'wait':
        return machine.clock.advance(next.ms);
      case 'fill':
        machine.disk.capacityBytes = machine.disk.usedBytes + next.room;
        await machine.settle();
        machine.disk.capacityBytes = Number.POSITIVE_INFINITY;
        return;
      case 'die':
        machine.disk.dieAfter(next.after);
        return;
      case 'restart':
        await machine.logs.close();
        return this.reopen();
      case 'crash':
        return this.crash(next);
    }
  }

  crash({ power, writes, bytes, names }: Omit<Extract<Step, { kind: 'crash' }>, 'kind'>): Promise<void> {
    this.machine.disk.crash(
      power
        ? {
            kind: 'power',
            keptWrites: (count) => Math.min(writes, count),
            keptBytes: (length) => Math.min(bytes, length),
            keptNames: (count) => Math.min(names, count),
          }
        : { kind: 'process' },
    );
    return this.reopen();
  }

  async reopen(): Promise<void> {
    const { machine } = this;
    await machine.settle();
    await Promise.all(this.#pending);
    this.#pending = [];
    if (machine.disk.isDead) machine.disk.crash({ kind: 'power' });
    machine.disk.dieAfter(Number.POSITIVE_INFINITY);
    await machine.start();
    await this.check();
  }

  /** Everything the log says of its transactions, against what its batches say. */
  async check(): Promise<void> {
    const { log } = this.machine;
    const { open, aborted, stampAt } = await this.#replay();
    expect(log.highWatermark).toBe(log.logEndOffset);
    const first = Math.min(log.highWatermark, ...open.values());
    const seen = new Map(Array.from(log.openTransactions(), (txn) => [txn.producerId, txn.firstOffset]));
    expect({ open: seen, lastStableOffset: log.lastStableOffset }).toEqual({ open, lastStableOffset: first });
    const end = log.highWatermark;
    for (const [from, to] of [
      [0, end],
      [end >> 2, end >> 1],
      [end >> 1, end],
    ] as const) {
      const found = await log.abortedTransactions(from, to);
      const expected = aborted.filter(({ firstOffset, lastOffset }) => lastOffset >= from && firstOffset < to);
      expect(found.map(({ lastStableOffset: _, ...rest }) => rest)).toEqual(expected);
    }
    for (const [offset, stamp] of this.#acknowledged) expect([offset, stampAt.get(offset)]).toEqual([offset, stamp]);
  }

  async #replay() {
    const { log } = this.machine;
    const open = new Map<number, number>();
    const aborted: Ended[] = [];
    const stampAt = new Map<number, number>();
    for (let offset = log.logStartOffset; offset < log.highWatermark; ) {
      const batches = await log.read(offset, { maxBytes: 500, minOneBatch: true });
      for (const at of walkBatches(batches)) {
        const id = batchProducerId(batches, at);
        const baseOffset = batchBaseOffset(batches, at);
        stampAt.set(baseOffset, id);
        offset = batchLastOffset(batches, at) + 1;
        if (isControl(batches, at)) {
          const firstOffset = open.get(id);
          open.delete(id);
          const isAbort = decodeMarker(batches, at)?.isCommit === false;
          if (isAbort && firstOffset !== undefined)
            aborted.push({ producerId: id, firstOffset, lastOffset: baseOffset });
        } else if (isTransactional(batches, at) && !open.has(id)) open.set(id, baseOffset);
      }
    }
    return { open, aborted, stampAt };
  }

  #write(id: number, bytes: number): void {
    if (this.#busy.has(id)) return;
    const baseSequence = this.#sequences.get(id) ?? 0;
    const fresh = () =>
      batchOf(['x'.repeat(bytes), 'y'], {
        producer: { producerId: id, producerEpoch: 0, baseSequence },
        isTransactional: true,
      });
    const batch = this.#unanswered.get(id) ?? fresh();
    // The log owns what it was given: what may have to be sent again is a copy.
    this.#unanswered.set(id, Buffer.from(batch));
    this.#busy.add(id);
    const sent = this.machine.log.append(batch, { acks: -1, origin: 'transaction' }).then((result) => {
      this.#busy.delete(id);
      expect([NONE, KAFKA_STORAGE_ERROR]).toContain(result.errorCode);
      if (result.errorCode !== NONE) return;
      this.#unanswered.delete(id);
      this.#sequences.set(id, baseSequence + 2);
      this.#acknowledged.set(result.baseOffset, id);
    });
    this.#pending.push(sent);
  }

  #mark(id: number, isCommit: boolean): void {
    const marker = { producerId: id, producerEpoch: 0, isCommit, coordinatorEpoch: 0 };
    const sent = this.machine.log.appendMarker(marker).then((result) => {
      if (result.errorCode === NONE) this.#acknowledged.set(result.baseOffset, id);
    });
    this.#pending.push(sent);
  }
}

test('after any crash the transactions are those of the batches that are left', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(step, { minLength: 5, maxLength: 60 }),
      // In large ones what a checkpoint says of the active segment matters.
      fc.constantFrom(700, 20_000),
      async (steps, segmentBytes) => {
        const run = new Run(segmentBytes);
        await run.machine.start();
        for (const next of steps) await run.take(next);
        await run.crash({ power: true, writes: 0, bytes: 0, names: 0 });
        await run.machine.restart();
        await run.check();
      },
    ),
    { numRuns: 80 },
  );
}, 60_000);
