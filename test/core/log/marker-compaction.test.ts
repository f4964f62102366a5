/** Markers and compaction: one goes when nothing is left of its transaction and its time is over; committed readers, producers and open transactions stay as they were. */

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { MarkerFilter } from '../../../core/log/marker-filter.ts';
import type { PartitionLog } from '../../../core/log/partition-log.ts';
import {
  batchBaseOffset,
  batchLastOffset,
  batchProducerId,
  batchRecordCount,
  isControl,
  isTransactional,
  setBaseOffset,
} from '../../../core/protocol/batch-header.ts';
import { walkBatches } from '../../../core/protocol/batch-validate.ts';
import { decodeMarker, encodeMarker } from '../../../core/protocol/control-batch.ts';
import { kafkaErrors } from '../../../core/protocol/kafka-errors.ts';
import { batchOf, readAll, recordsOf, TestMachine } from './fixtures.ts';

const deleteRetentionMs = 5000;
const config = {
  ...{ isCompacted: true, isDeleted: false, segmentBytes: 600, minCleanableDirtyRatio: 0.01 },
  deleteRetentionMs,
};

const start = async (options = {}) => {
  const machine = new TestMachine({ config, compactionIntervalMs: 1000, tailCacheBytes: 0, ...options });
  await machine.start();
  return machine;
};

const stamp = (producerId: number, baseSequence: number, producerEpoch = 0) => ({
  ...{ producer: { producerId, producerEpoch, baseSequence }, isTransactional: true },
});

function put(log: PartitionLog, record: { key: string; value: string }, options: ReturnType<typeof stamp>) {
  return log.append(batchOf([record], options), { acks: -1, origin: 'transaction' });
}

const mark = (log: PartitionLog, producerId: number, isCommit: boolean, producerEpoch = 0) =>
  log.appendMarker({ producerId, producerEpoch, isCommit, coordinatorEpoch: 0 });

interface SeenBatch {
  readonly offset: number;
  readonly producerId: number;
  readonly isMarker: boolean;
  readonly records: number;
}

async function batchesOf(log: PartitionLog): Promise<SeenBatch[]> {
  const seen: SeenBatch[] = [];
  for (let offset = log.logStartOffset; offset < log.highWatermark; ) {
    const batches = await log.read(offset, { maxBytes: 4096, minOneBatch: true });
    if (batches.length === 0) break;
    for (const at of walkBatches(batches)) {
      offset = batchLastOffset(batches, at) + 1;
      const producerId = batchProducerId(batches, at);
      const records = batchRecordCount(batches, at);
      seen.push({ offset: batchBaseOffset(batches, at), producerId, isMarker: isControl(batches, at), records });
    }
  }
  return seen;
}

const markersOf = async (log: PartitionLog) => (await batchesOf(log)).filter(({ isMarker }) => isMarker);

/** What a `read_committed` consumer makes of the log, as Kafka's clients do: from a producer's first aborted offset on to its next abort marker. */
async function committedState(log: PartitionLog): Promise<Map<string, string>> {
  const state = new Map<string, string>();
  for (let offset = log.logStartOffset; offset < log.lastStableOffset; ) {
    const batches = await log.read(offset, { maxBytes: 700, minOneBatch: true, limitOffset: log.lastStableOffset });
    if (batches.length === 0) break;
    const ends = [...walkBatches(batches)];
    const end = batchLastOffset(batches, ends.at(-1)!) + 1;
    const pending = [...(await log.abortedTransactions(offset, end))].sort((a, b) => a.firstOffset - b.firstOffset);
    const aborting = new Set<number>();
    for (const at of ends) {
      const producerId = batchProducerId(batches, at);
      while (pending.length > 0 && pending[0]!.firstOffset <= batchLastOffset(batches, at)) {
        aborting.add(pending.shift()!.producerId);
      }
      if (isControl(batches, at)) {
        if (decodeMarker(batches, at)?.isCommit === false) aborting.delete(producerId);
      } else if (!isTransactional(batches, at) || !aborting.has(producerId)) {
        const size = batches.readInt32BE(at + 8) + 12;
        for (const { key, value } of recordsOf(batches.subarray(at, at + size), offset)) state.set(key!, value!);
      }
    }
    offset = end;
  }
  return state;
}

/** Ends segments, and lets compaction and the time markers have pass by. */
async function clean(machine: TestMachine, passes = 1) {
  for (let pass = 0; pass < passes; pass += 1) {
    for (let n = 0; n < 4; n += 1) await machine.append([{ key: 'filler', value: 'x'.repeat(200) }]);
    await machine.clock.advance(deleteRetentionMs + 1000);
  }
}

describe('the filter', () => {
  const marker = (offset: number, producerId = 7, isCommit = true, producerEpoch = 0) => {
    const batch = encodeMarker({ producerId, producerEpoch, isCommit, coordinatorEpoch: 3 }, 1234);
    setBaseOffset(batch, 0, offset);
    return batch;
  };
  const data = batchOf([{ key: 'k', value: 'v' }], stamp(7, 0));
  const rules = { nowMs: 1000, horizonMs: 5000, producers: new Map() };
  const keeps = { keeps: false };

  test('gives a date first, removes later, and never while a batch of the transaction is there', () => {
    const filter = new MarkerFilter(rules);
    filter.note(data);
    const original = marker(5);
    expect(filter.filter(original, keeps)).toBe(original);
    const dated = filter.filter(original, keeps)!;
    expect(dated).not.toBe(original);
    expect(decodeMarker(dated, 0)).toEqual(decodeMarker(original, 0));
    expect(new MarkerFilter({ ...rules, nowMs: 4999 }).filter(dated, keeps)).toBe(dated);
    expect(new MarkerFilter({ ...rules, nowMs: 5000 }).filter(dated, keeps)).toBeUndefined();
    expect(new MarkerFilter({ ...rules, nowMs: 5000 }).filter(dated, { keeps: true })).toBe(dated);
    const busy = new MarkerFilter({ ...rules, nowMs: 5000 });
    busy.note(data);
    expect(busy.filter(dated, keeps)).toBe(dated);
  });

  test('the last marker of a producer that has no sequence stays, with others when it is not known which one is the last', () => {
    const end = { epoch: 0, dataOffset: -1, markerOffset: 9 };
    const filterWith = (change: Partial<typeof end>) =>
      new MarkerFilter({ ...rules, producers: new Map([[7, { ...end, ...change }]]) });
    const staysAt = (offset: number, change: Partial<typeof end>) => {
      const batch = marker(offset);
      return filterWith(change).filter(batch, keeps) === batch;
    };
    expect(staysAt(9, {})).toBe(true);
    expect(staysAt(8, {})).toBe(false);
    expect(staysAt(8, { markerOffset: -1 })).toBe(true);
    expect(staysAt(8, { markerOffset: -1, epoch: 1 })).toBe(false);
    expect(staysAt(9, { dataOffset: 4 })).toBe(false);
  });
});

test('many transactions over one key shrink to a bounded size, in the log and in the index of aborted ones', async () => {
  const machine = await start();
  const sizes: number[] = [];
  for (let round = 0; round < 4; round += 1) {
    for (let n = 0; n < 50; n += 1) {
      const sequence = round * 50 + n;
      await put(machine.log, { key: 'k', value: `${sequence}` }, stamp(7, sequence));
      await mark(machine.log, 7, n % 3 !== 0);
    }
    await clean(machine, 8);
    sizes.push((await markersOf(machine.log)).length);
    expect((await committedState(machine.log)).get('k')).toBe(`${round * 50 + 49}`);
  }
  expect(Math.max(...sizes)).toBeLessThanOrEqual(4);
  expect((await machine.log.abortedTransactions(0, machine.log.highWatermark)).length).toBeLessThanOrEqual(2);
  const before = await batchesOf(machine.log);
  await machine.restart();
  expect(await batchesOf(machine.log)).toEqual(before);
});

test('a marker stays until its date, and the last marker of a producer without sequences as long as the producer is known', async () => {
  const machine = await start({ producerExpirationMs: 100_000, retentionIntervalMs: 10_000 });
  for (let n = 0; n < 10; n += 1) {
    await put(machine.log, { key: 'k', value: `${n}` }, stamp(7, n));
    await mark(machine.log, 7, true);
  }
  // A fence: the marker has an epoch of which there is no batch.
  await mark(machine.log, 8, false, 4);
  await mark(machine.log, 8, false, 5);
  const count = async (producerId: number) =>
    (await markersOf(machine.log)).filter((marker) => marker.producerId === producerId).length;
  for (let n = 0; n < 4; n += 1) await machine.append([{ key: 'filler', value: 'x'.repeat(200) }]);
  await machine.clock.advance(1000);
  for (let n = 0; n < 4; n += 1) await machine.append([{ key: 'filler', value: 'x'.repeat(200) }]);
  await machine.clock.advance(1000);
  expect(await count(7)).toBe(10);
  await clean(machine, 6);
  expect([await count(7), await count(8)]).toEqual([1, 1]);
  // By the log alone: the sequence and the epochs are known after a start that finds nothing else.
  machine.disk.crash({ kind: 'process' });
  for (const file of machine.files().filter((name) => /snapshot|checkpoint$/.test(name))) {
    await machine.disk.remove(machine.path(file));
  }
  await machine.start();
  const outOfOrder = await put(machine.log, { key: 'k', value: 'x' }, stamp(7, 15));
  expect(outOfOrder.errorCode).toBe(kafkaErrors.OUT_OF_ORDER_SEQUENCE_NUMBER);
  const fenced = await put(machine.log, { key: 'k', value: 'x' }, stamp(8, 0, 4));
  expect(fenced.errorCode).toBe(kafkaErrors.INVALID_PRODUCER_EPOCH);
  await machine.clock.advance(120_000);
  await clean(machine, 6);
  expect([await count(7), await count(8)]).toEqual([1, 0]);
});

test('a snapshot from inside a transaction whose marker is gone does not bring it back', async () => {
  const machine = await start({ producerExpirationMs: 20_000, retentionIntervalMs: 10_000 });
  await put(machine.log, { key: 'k', value: 'old' }, stamp(7, 0));
  // A clean stop in the middle leaves a snapshot in which the transaction is open.
  await machine.restart();
  await mark(machine.log, 7, false);
  await machine.append([{ key: 'k', value: 'new' }]);
  await machine.clock.advance(40_000);
  await clean(machine, 4);
  expect(await markersOf(machine.log)).toEqual([]);
  machine.disk.crash({ kind: 'process' });
  const newer = machine.files().filter((name) => /[1-9][0-9]\.snapshot$|^active/.test(name));
  for (const file of newer) await machine.disk.remove(machine.path(file));
  await machine.start();
  expect([...machine.log.openTransactions()]).toEqual([]);
  expect((await committedState(machine.log)).get('k')).toBe('new');
});

test('a crash at any step of the pass that removes markers', async () => {
  for (let steps = 0; ; steps += 1) {
    const machine = await start({ producerExpirationMs: 2 * deleteRetentionMs, retentionIntervalMs: 1000 });
    await put(machine.log, { key: 'k', value: 'aborted' }, stamp(8, 0));
    // Its snapshot must not outlive the marker.
    await machine.restart();
    await mark(machine.log, 8, false);
    for (let n = 0; n < 6; n += 1) {
      await put(machine.log, { key: 'k', value: `${n}` }, stamp(7, n));
      await mark(machine.log, 7, n % 2 === 1);
    }
    if (steps % 3 > 0) await machine.clock.advance(3 * deleteRetentionMs);
    await clean(machine, steps % 3);
    for (let n = 0; n < 4; n += 1) await machine.append([{ key: 'filler', value: 'x'.repeat(200) }]);
    const before = await committedState(machine.log);
    machine.disk.dieAfter(steps);
    await machine.clock.advance(deleteRetentionMs + 1000);
    const isWhole = !machine.disk.isDead;
    machine.disk.crash({ kind: 'power', keptNames: (count) => steps % (count + 1) });
    const isSwapping = machine.files().includes('00000000000000000000.log.swap');
    await machine.start();
    if (isSwapping) expect(machine.files()).not.toContain('00000000000000000001.snapshot');
    expect(machine.log.failure).toBeUndefined();
    expect(machine.log.lastStableOffset).toBe(machine.log.highWatermark);
    expect(await committedState(machine.log)).toEqual(before);
    expect([...machine.log.openTransactions()]).toEqual([]);
    if (isWhole && steps % 3 === 2) break;
  }
});

const producerId = fc.constantFrom(7, 8, 9);
const step = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({ kind: fc.constant('put' as const), producerId, key: fc.constantFrom('a', 'b', 'c') }),
  },
  { weight: 5, arbitrary: fc.record({ kind: fc.constant('mark' as const), producerId, isCommit: fc.boolean() }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constantFrom('clean' as const, 'late' as const) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constantFrom('restart' as const, 'crash' as const, 'bare' as const) }) },
);

test('random transactions, cleaned at random times: committed readers, producers and open transactions are what was written', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 10, maxLength: 60 }), async (steps) => {
      const machine = await start();
      const committed = new Map<string, string>();
      const open = new Map<number, [string, string][]>();
      const sequences = new Map([7, 8, 9].map((id) => [id, 0]));
      /** Offset → what became visible at the marker; the newest record of a key counts by its own offset. */
      const writtenAt = new Map<string, number>();
      let count = 0;
      for (const next of steps) {
        switch (next.kind) {
          case 'put': {
            const sequence = sequences.get(next.producerId)!;
            sequences.set(next.producerId, sequence + 1);
            count += 1;
            const value = `${count}`;
            const { baseOffset } = await put(machine.log, { key: next.key, value }, stamp(next.producerId, sequence));
            writtenAt.set(value, baseOffset);
            open.set(next.producerId, [...(open.get(next.producerId) ?? []), [next.key, value]]);
            break;
          }
          case 'mark': {
            await mark(machine.log, next.producerId, next.isCommit);
            for (const [key, value] of next.isCommit ? (open.get(next.producerId) ?? []) : []) {
              const before = committed.get(key);
              if (before === undefined || writtenAt.get(before)! < writtenAt.get(value)!) committed.set(key, value);
            }
            open.delete(next.producerId);
            break;
          }
          case 'clean':
            await clean(machine);
            break;
          case 'late':
            await machine.clock.advance(20_000);
            break;
          case 'restart':
            await machine.restart();
            break;
          default:
            await crash(machine, next.kind === 'bare');
        }
      }
      for (const id of open.keys()) await mark(machine.log, id, false);
      await clean(machine, 3);
      await crash(machine, true);
      const seen = await committedState(machine.log);
      seen.delete('filler');
      expect(seen).toEqual(committed);
      expect(machine.log.lastStableOffset).toBe(machine.log.highWatermark);
      expect((await markersOf(machine.log)).length).toBeLessThanOrEqual(20);
      for (const [id, sequence] of sequences) {
        if (sequence === 0) continue;
        const gap = await put(machine.log, { key: 'z', value: 'z' }, stamp(id, sequence + 1));
        expect(gap.errorCode).toBe(kafkaErrors.OUT_OF_ORDER_SEQUENCE_NUMBER);
        const right = await put(machine.log, { key: 'z', value: 'z' }, stamp(id, sequence));
        expect(right.errorCode).toBe(kafkaErrors.NONE);
      }
      await readAll(machine.log);
    }),
    { numRuns: 40 },
  );
});

/** `isBare`: nothing but the batches tells the next start who wrote what. */
async function crash(machine: TestMachine, isBare: boolean) {
  machine.disk.crash({ kind: 'process' });
  const told = machine.files().filter((name) => /snapshot|active-segment|txnindex/.test(name));
  if (isBare) for (const file of told) await machine.disk.remove(machine.path(file));
  await machine.start();
}
