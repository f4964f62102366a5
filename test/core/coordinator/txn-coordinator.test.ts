/** The transaction coordinator's timers over a real log: what takes too long is aborted, and nobody is woken while nothing is under way. */

import { afterEach, beforeEach, expect, test } from 'vitest';
import { silentLogger } from '../../../core/base/logger.ts';
import { openTxnCoordinator, type TxnCoordinator } from '../../../core/coordinator/txn-coordinator.ts';
import { kafkaErrors } from '../../../core/protocol/kafka-errors.ts';
import { FakeClock } from '../../fakes/fake-clock.ts';
import { TestMachine } from '../log/fixtures.ts';

const { NONE } = kafkaErrors;
const timeoutMs = 10_000;
const partitions = new Map([['out', new Set([0])]]);

let machine: TestMachine;
let clock: FakeClock;
let coordinator: TxnCoordinator;

beforeEach(async () => {
  machine = new TestMachine();
  // The log's own clock stands still: its timers are not what is counted.
  clock = new FakeClock();
  let nextId = 0;
  coordinator = await openTxnCoordinator({
    ...{ partitions: [await machine.start()], clock, logger: silentLogger },
    nextProducerId: async () => nextId++,
    partitionOf: () => undefined,
    allPartitions: () => [],
    appendMarker: async () => NONE,
    settings: { timeoutIntervalMs: 1_000, expiryIntervalMs: 1e9 },
  });
});

afterEach(() => coordinator.close());

async function begin(transactionalId: string) {
  const { errorCode, ...claim } = await coordinator.init(transactionalId, { timeoutMs, expected: undefined });
  expect(errorCode).toBe(NONE);
  expect(await coordinator.addPartitions(transactionalId, claim, partitions)).toBe(NONE);
  return claim;
}

const statusOf = (transactionalId: string) => coordinator.get(transactionalId)?.status;

test('what takes longer than its producer said is aborted, each at its own time', async () => {
  await begin('one');
  await clock.advance(4_000);
  await begin('two');
  await clock.advance(timeoutMs - 4_001);
  expect([statusOf('one'), statusOf('two')]).toEqual(['Ongoing', 'Ongoing']);
  await clock.advance(1);
  expect([statusOf('one'), statusOf('two')]).toEqual(['CompleteAbort', 'Ongoing']);
  await clock.advance(3_999);
  expect(statusOf('two')).toBe('Ongoing');
  await clock.advance(1);
  expect(statusOf('two')).toBe('CompleteAbort');
});

test('nothing is waited for but the expiry of ids while no transaction is under way', async () => {
  const idle = clock.waitingCount;
  const claim = await begin('one');
  expect(clock.waitingCount).toBe(idle + 1);
  expect(await coordinator.end('one', claim, true)).toBe(NONE);
  // The timer of the one that has ended fires once and is not set again.
  await clock.advance(timeoutMs);
  expect(clock.waitingCount).toBe(idle);
  expect(statusOf('one')).toBe('CompleteCommit');
});

test('an abort that a full disk refuses is tried again after the interval, not at once', async () => {
  await begin('one');
  machine.disk.capacityBytes = machine.disk.usedBytes;
  await clock.advance(timeoutMs);
  const writes = machine.disk.counts.get('write') ?? 0;
  await clock.advance(999);
  expect(machine.disk.counts.get('write')).toBe(writes);
  machine.disk.capacityBytes = Number.POSITIVE_INFINITY;
  expect(statusOf('one')).toBe('Ongoing');
  await clock.advance(1);
  expect(statusOf('one')).toBe('CompleteAbort');
});
