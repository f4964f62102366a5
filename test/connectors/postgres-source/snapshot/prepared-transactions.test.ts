/** How long tables wait for prepared transactions. */

import { expect, test } from 'vitest';
import { preparedTransactionsEnded } from '../../../../connectors/postgres-source/snapshot/prepared-transactions.ts';
import { FakeClock } from '../../../fakes/fake-clock.ts';
import { MemoryLogger } from '../../../kits/source-kit.ts';

function waiting(prepared: string[]) {
  const [clock, logger] = [new FakeClock(), new MemoryLogger()];
  const sql = { query: async () => prepared.map((gid) => ({ transaction: `x${gid}`, gid })) };
  return { clock, logger, ended: preparedTransactionsEnded(sql, { clock, logger }) };
}

test('for those of now, not for later ones', async () => {
  const prepared = ['a', 'b'];
  const { clock, logger, ended } = waiting(prepared);
  await clock.advance(1000);
  prepared.splice(0, 1, 'c');
  await clock.advance(1000);
  expect(logger.lines).toHaveLength(1);
  prepared.splice(1, 1);
  await clock.advance(1000);
  await ended;
  expect(prepared).toEqual(['c']);
  await waiting([]).ended;
});

test('for a minute, and says which one it is', async () => {
  const { clock, ended } = waiting(["it's"]);
  const failed = expect(ended).rejects.toMatchObject({
    code: 'postgres/open-transaction',
    retriable: true,
    message: expect.stringContaining(`"it's"`),
    fix: expect.stringContaining('COMMIT PREPARED'),
  });
  await clock.advance(61_000);
  await failed;
});
