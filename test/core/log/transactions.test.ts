/** Transactions in one log: what committed readers may see, what an abort leaves behind, and what a start makes of both. */

import { expect, test } from 'vitest';
import type { PartitionLog } from '../../../core/log/partition-log.ts';
import { batchOf, TestMachine } from './fixtures.ts';

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
