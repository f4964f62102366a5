/** Questions over one connection may overlap. */

import { expect, test } from 'vitest';
import { sqlOver } from '../../../../connectors/postgres-source/catalog/sql.ts';
import { startPostgres } from '../../../kits/postgres-server.ts';

test('are asked one after the other, whatever becomes of those before', async () => {
  const server = await startPostgres({ version: 18 });
  const warnings: string[] = [];
  const warn = ({ message }: Error) => void warnings.push(message);
  process.on('warning', warn);
  try {
    const client = await server.connect();
    const sql = sqlOver(client, 'test');
    const answers = await Promise.allSettled([
      sql.query('CREATE TABLE t AS SELECT 1 AS a'),
      sql.query('SELECT nothing FROM nowhere'),
      sql.query('SELECT a FROM t WHERE a = $1', [1]),
    ]);
    expect(answers.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    expect(answers[1]).toMatchObject({ reason: { where: 'test' } });
    expect(answers[2]).toMatchObject({ value: [{ a: '1' }] });
    await client.end();
    await new Promise((resolve) => setImmediate(resolve));
    // The driver has its own queue, and says that it will not have one for ever.
    expect(warnings).toEqual([]);
  } finally {
    process.off('warning', warn);
    await server.close();
  }
});
