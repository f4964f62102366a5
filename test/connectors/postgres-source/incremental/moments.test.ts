/** The edges of moments: transactions told before a read sees them, ends of the log, and what a standby does not say. */

import { expect, test } from 'vitest';
import { RecentTransactions } from '../../../../connectors/postgres-source/incremental/recent-transactions.ts';
import { withoutPageHeader } from '../../../../connectors/postgres-source/incremental/wal-end.ts';
import { hasSeen, onStandby, parseFence } from '../../../../connectors/postgres-source/snapshot/fence.ts';

test('a transaction that was told and is not seen yet stands against the read, one told later does not', () => {
  const recent = new RecentTransactions();
  for (const id of [10, 12, 11]) recent.told(id);
  recent.readBegins();
  recent.told(15);
  expect(recent.areSeenBy(parseFence('11:14:11', 0n))).toBe(false);
  recent.readBegins();
  expect(recent.areSeenBy(parseFence('15:15:', 0n))).toBe(false);
  recent.readBegins();
  expect(recent.areSeenBy(parseFence('16:16:', 0n))).toBe(true);
  for (let id = 100; id < 300_000; id += 1) recent.told(id);
  recent.readBegins();
  expect(recent.areSeenBy(parseFence('299999:299999:', 0n))).toBe(false);
  expect(recent.areSeenBy(parseFence('300000:300000:', 0n))).toBe(true);
});

test('the end of the log is in front of the header of a page that is empty', () => {
  const end = (lsn: bigint) => withoutPageHeader(lsn, 8192n, 2n ** 24n);
  expect(end(8192n * 5n + 24n)).toBe(8192n * 5n);
  expect(end(2n ** 24n + 40n)).toBe(2n ** 24n);
  for (const lsn of [8192n * 5n + 40n, 2n ** 24n + 24n, 8192n * 5n + 23n, 8192n * 5n, 777n]) expect(end(lsn)).toBe(lsn);
});

test('of what a standby may be replaying nothing counts as seen', () => {
  const fence = onStandby(parseFence('10:20:', 0n));
  expect([9, 10, 19, 20].map((id) => hasSeen(fence, id))).toEqual([true, false, false, false]);
});
