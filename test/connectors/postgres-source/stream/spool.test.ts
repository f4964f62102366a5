/** The spool: what was added comes back in order without what was rolled back, from memory and from files that nobody else can read. */

import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, expect, test } from 'vitest';
import { Spool } from '../../../../connectors/postgres-source/stream/spool.ts';

const folder = mkdtempSync(join(tmpdir(), 'millrace-spool-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function readAll(spool: Spool, transactionId: number): Promise<string[]> {
  const reader = spool.read(transactionId);
  const messages: string[] = [];
  do {
    for (let each = reader.next(); each !== undefined; each = reader.next()) {
      messages.push(`${each.lsn} ${each.bytes.toString('latin1', each.start, each.end)}`);
    }
  } while (await reader.more());
  return messages;
}

const filesOf = () =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((each) => each.isFile())
    .map(({ parentPath, name }) => join(parentPath, name));

test('messages of many transactions, with few bytes of memory or many', async () => {
  const message = fc.record({
    transaction: fc.nat(3),
    subtransaction: fc.integer({ min: 10, max: 12 }),
    length: fc.oneof(fc.nat(100), fc.nat(20_000)),
    settles: fc.boolean(),
  });
  const aborts = fc.array(fc.tuple(fc.nat(3), fc.integer({ min: 10, max: 12 })), { maxLength: 3 });
  await fc.assert(
    fc.asyncProperty(
      fc.array(message, { maxLength: 60 }),
      aborts,
      fc.nat(100_000),
      async (all, aborted, memoryBytes) => {
        const spool = new Spool({ folder, memoryBytes });
        const textOf = (index: number, length: number) => `I${index}`.padEnd(length, 'x');
        for (const [index, { transaction, subtransaction, length, settles }] of all.entries()) {
          const bytes = Buffer.from(textOf(index, length), 'latin1');
          spool.add(transaction, subtransaction, BigInt(index), bytes, 0, bytes.length);
          if (settles && spool.isCrowded) await spool.settle();
        }
        for (const [transaction, subtransaction] of aborted) spool.abort(transaction, subtransaction);
        const isAborted = (transaction: number, subtransaction: number) =>
          aborted.some((each) => each[0] === transaction && each[1] === subtransaction);
        for (let transaction = 0; transaction <= 3; transaction += 1) {
          const expected = all.flatMap((each, index) => {
            if (each.transaction !== transaction || isAborted(transaction, each.subtransaction)) return [];
            return [`${index} ${textOf(index, each.length)}`];
          });
          expect(await readAll(spool, transaction)).toEqual(expected);
          await spool.drop(transaction);
        }
        expect(spool.heldBytes).toBe(0);
        expect(filesOf()).toEqual([]);
        await spool.close();
      },
    ),
    { numRuns: 60 },
  );
});

test('files tell nothing, not even that two of them are the same, and are gone afterwards', async () => {
  const spool = new Spool({ folder, memoryBytes: 0 });
  const secret = Buffer.from('Ithe secret'.repeat(1000));
  for (const transaction of [1, 2]) {
    spool.add(transaction, transaction, 1n, secret, 0, secret.length);
    await spool.settle();
  }
  const [first, second] = filesOf().map((path) => readFileSync(path));
  expect(first!.length).toBeGreaterThan(secret.length);
  for (const bytes of [first!, second!]) expect(bytes.includes('secret')).toBe(false);
  expect(first!.subarray(0, 32).equals(second!.subarray(0, 32))).toBe(false);
  for (const path of filesOf()) expect(statSync(path).mode & 0o077).toBe(0);
  expect(await readAll(spool, 2)).toEqual([`1 ${secret.toString('latin1')}`]);
  await spool.close();
  expect(filesOf()).toEqual([]);
});
