/** What one pass of a Fetch reads while the log goes on. */

import { expect, test } from 'vitest';
import { BorrowedMemory } from '../../../core/broker/borrowed-memory.ts';
import { planFetch, readPass } from '../../../core/broker/fetch-plan.ts';
import type { TopicCatalogue } from '../../../core/broker/topic-catalogue.ts';
import { BatchMemory } from '../../../core/protocol/batch-memory.ts';
import { batchOf, recordsOf, TestMachine } from '../log/fixtures.ts';

test('a transaction that begins while the disk is read is not part of what was committed before', async () => {
  const machine = new TestMachine();
  await machine.start();
  await machine.append(['committed']);
  // Now it lies on disk only: nothing is read without waiting.
  const log = await machine.restart();
  const catalogue = { get: () => ({ partitions: [log] }) } as unknown as TopicCatalogue;
  const partitions = [{ partition: 0, fetchOffset: 0, partitionMaxBytes: 100_000, currentLeaderEpoch: -1 }];
  const request = { isolationLevel: 1, topics: [{ topic: 't', partitions }] } as unknown as Parameters<
    typeof planFetch
  >[0];
  const plan = planFetch(request, {
    catalogue,
    startAt: undefined,
    memory: new BorrowedMemory(new BatchMemory({ maxBytes: 1_000_000 })),
  });
  const release = machine.disk.hold('read');
  const reading = readPass(plan, 100_000, () => true);
  const producer = { producerId: 1, producerEpoch: 0, baseSequence: 0 };
  await log.append(batchOf(['open'], { producer, isTransactional: true }), { acks: -1, origin: 'transaction' });
  expect(log.highWatermark).toBe(2);
  expect(log.lastStableOffset).toBe(1);
  release();
  await reading;
  expect(recordsOf(plan.order[0]!.records!).map(({ value }) => value)).toEqual(['committed']);
});
