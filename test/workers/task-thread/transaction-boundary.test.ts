/** When the transaction of a source ends, case by case; and which transactions the settings ask for. */

import { expect, test } from 'vitest';
import { isOver, mayEnd, type OpenTransaction } from '../../../workers/task-thread/transaction-boundary.ts';
import { transactionPlan } from '../../../workers/tasks/task-transactions.ts';

const fresh: OpenTransaction = { openForMs: 1, bytes: 100, isNextReady: true, isWhole: true };

test('between polls it goes on only while the next one waits, and neither long nor large', () => {
  const boundary = { kind: 'poll' } as const;
  expect(isOver(boundary, fresh)).toBe(false);
  expect(isOver(boundary, { ...fresh, isNextReady: false })).toBe(true);
  expect(isOver(boundary, { ...fresh, openForMs: 100 })).toBe(true);
  expect(isOver(boundary, { ...fresh, bytes: 64 * 1024 * 1024 })).toBe(true);
});

test('an interval counts from the first poll, whether more comes or not', () => {
  const boundary = { kind: 'interval', intervalMs: 1_000 } as const;
  expect(isOver(boundary, { ...fresh, openForMs: 999, isNextReady: false })).toBe(false);
  expect(isOver(boundary, { ...fresh, openForMs: 1_000 })).toBe(true);
});

test('with connector it ends as with poll, where the source has told whole transactions', () => {
  const boundary = { kind: 'connector' } as const;
  const due = { ...fresh, isNextReady: false, openForMs: 1_000, bytes: 128 * 1024 * 1024 };
  expect(isOver(boundary, due)).toBe(true);
  expect(isOver(boundary, { ...due, isWhole: false })).toBe(false);
  expect(isOver(boundary, fresh)).toBe(false);
  expect(mayEnd(boundary, true)).toBe(true);
  expect(mayEnd(boundary, false)).toBe(false);
  expect(mayEnd({ kind: 'poll' }, false)).toBe(true);
});

test('delivery at least once ends every poll by itself', () => {
  expect(isOver({ kind: 'each' }, fresh)).toBe(true);
});

const task = { connector: 'web-logs', index: 2 };
const enabled = { groupId: 'millrace', exactlyOnce: true };

test('the transactional id is the one Kafka Connect would use', () => {
  expect(transactionPlan(enabled, task, {})).toEqual({
    transactionalId: 'millrace-web-logs-2',
    transactionTimeoutMs: 60_000,
    boundary: { kind: 'poll' },
  });
});

test('a transaction may stay open for longer than its interval', () => {
  const asked = { 'transaction.boundary': 'interval', 'transaction.boundary.interval.ms': 200_000 } as const;
  expect(transactionPlan(enabled, task, asked)).toMatchObject({
    transactionTimeoutMs: 400_000,
    boundary: { kind: 'interval', intervalMs: 200_000 },
  });
});

test('a transaction of the source may take as long as brokers allow', () => {
  expect(transactionPlan(enabled, task, { 'transaction.boundary': 'connector' })).toMatchObject({
    transactionTimeoutMs: 900_000,
    boundary: { kind: 'connector' },
  });
});

test('a worker without transactions refuses only a connector that insists on them', () => {
  const disabled = { ...enabled, exactlyOnce: false };
  expect(transactionPlan(disabled, task, { 'exactly.once.support': 'requested' })).toBeUndefined();
  expect(() => transactionPlan(disabled, task, { 'exactly.once.support': 'required' })).toThrow(/insist|required/);
});
