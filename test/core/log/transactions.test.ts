/** Transactions in one log: what committed readers may see, what an abort leaves behind, and what a start makes of both. */

import { expect, test } from 'vitest';
import type { PartitionLog } from '../../../core/log/partition-log.ts';
import { batchOf, readAll, TestMachine } from './fixtures.ts';

const producer = { producerId: 7, producerEpoch: 0 };

function write(log: PartitionLog, producerId: number, baseSequence: number, ...values: string[]) {
  const batch = batchOf(values, { producer: { producerId, producerEpoch: 0, baseSequence }, isTransactional: true });
  return log.append(batch, { acks: -1, origin: 'transaction' });
}

const mark = (log: PartitionLog, isCommit: boolean, producerId = producer.producerId) =>
  log.appendMarker({ producerId, producerEpoch: 0, isCommit, coordinatorEpoch: 0 });

const abortedOf = async (log: PartitionLog) =>
  (await log.abortedTransactions(log.logStartOffset, log.highWatermark)).map(
    ({ producerId, firstOffset, lastOffset }) => [...[producerId, firstOffset, lastOffset]],
  );

test('the last stable offset waits for the first open transaction, and a start finds it open again', async () => {
  const machine = new TestMachine();
  let log = await machine.start();
  await machine.append(['plain']);
  await write(log, 7, 0, 'a', 'b');
  await write(log, 8, 0, 'c');
  await mark(log, true, 8);
  expect([log.lastStableOffset, log.highWatermark]).toEqual([1, 5]);
  log = await machine.restart();
  expect([log.lastStableOffset, log.highWatermark]).toEqual([1, 5]);
  expect([...log.openTransactions()].map(({ producerId, firstOffset }) => [producerId, firstOffset])).toEqual([[7, 1]]);
  machine.disk.crash({ kind: 'process' });
  log = await machine.start();
  expect(log.lastStableOffset).toBe(1);
  await mark(log, false);
  expect([log.lastStableOffset, log.highWatermark]).toEqual([6, 6]);
  expect(await abortedOf(log)).toEqual([[7, 1, 5]]);
});

test('aborted transactions are known after segments ended, a clean stop, a crash, and without the index files', async () => {
  const machine = new TestMachine({ config: { segmentBytes: 400 } });
  let log = await machine.start();
  for (let n = 0; n < 6; n += 1) {
    await write(log, 7, 2 * n, `x${n}`, `y${n}`);
    await mark(log, n % 2 === 0);
  }
  const expected = [1, 3, 5].map((n) => [7, 3 * n, 3 * n + 2]);
  expect(await abortedOf(log)).toEqual(expected);
  expect(machine.files().filter((name) => name.endsWith('.log')).length).toBeGreaterThan(2);
  log = await machine.restart();
  expect(await abortedOf(log)).toEqual(expected);
  machine.disk.crash({ kind: 'process' });
  log = await machine.start();
  expect(await abortedOf(log)).toEqual(expected);
  await machine.logs.close();
  for (const name of machine.files().filter((file) => file.endsWith('.txnindex'))) {
    await machine.disk.remove(machine.path(name));
  }
  log = await machine.start();
  expect(await abortedOf(log)).toEqual(expected);
});

test('compaction drops what was aborted and what it would have hidden stays, up to the first open transaction', async () => {
  const config = { isCompacted: true, isDeleted: false, segmentBytes: 300, minCleanableDirtyRatio: 0.01 };
  const machine = new TestMachine({ config, compactionIntervalMs: 1000, tailCacheBytes: 0 });
  let log = await machine.start();
  const put = (producerId: number, baseSequence: number, value: string) => {
    const options = { producer: { producerId, producerEpoch: 0, baseSequence }, isTransactional: true };
    return log.append(batchOf([{ key: 'k', value }], options), { acks: -1, origin: 'transaction' });
  };
  await put(7, 0, 'kept');
  await mark(log, true);
  await put(8, 0, 'aborted');
  await put(8, 1, 'aborted too');
  await mark(log, false, 8);
  for (let n = 0; n < 5; n += 1) await machine.append([{ key: `f${n}`, value: 'x'.repeat(100) }]);
  await put(9, 0, 'open');
  for (let n = 5; n < 10; n += 1) await machine.append([{ key: `f${n}`, value: 'x'.repeat(100) }]);
  await machine.clock.advance(1000);
  const values = async () => (await readAll(log)).filter(({ key }) => key === 'k').map(({ value }) => value);
  expect(await values()).toEqual(['kept', 'open']);
  expect(await abortedOf(log)).toEqual([[8, 2, 4]]);
  machine.disk.crash({ kind: 'process' });
  log = await machine.start();
  expect(await values()).toEqual(['kept', 'open']);
  expect(log.lastStableOffset).toBe(10);
});
