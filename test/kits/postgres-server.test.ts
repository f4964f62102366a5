/** Servers of every version start, stop and keep their data. */

import { expect, test } from 'vitest';
import { postgresVersions, startPostgres } from './postgres-server.ts';

test.each(postgresVersions)(
  'Postgres %i starts, keeps its data over a crash and is gone afterwards',
  async (version) => {
    const server = await startPostgres({ version, settings: { work_mem: '5MB' } });
    try {
      expect(await server.query('SHOW wal_level')).toEqual([{ wal_level: 'logical' }]);
      expect(await server.query('SHOW work_mem')).toEqual([{ work_mem: '5MB' }]);
      const [row] = await server.query('SHOW server_version_num');
      expect(Math.floor(Number(row?.['server_version_num']) / 10_000)).toBe(version);
      await server.query('CREATE TABLE kept AS SELECT 1 AS a, NULL AS b');
      // Who computes notices late that the server is gone, and holds its memory until then.
      const busy = await server.connect();
      const broken = busy.query('SELECT max(md5(i::text)) FROM generate_series(1, 1000000) i').catch(() => {});
      await expect
        .poll(() => server.query("SELECT FROM pg_stat_activity WHERE query LIKE 'SELECT max(md5%'"))
        .toEqual([{}]);
      await server.process.kill();
      await server.start();
      await broken;
      await busy.end().catch(() => {});
      expect(await server.query('SELECT * FROM kept')).toEqual([{ a: '1', b: null }]);
      const slots = "SELECT pg_create_logical_replication_slot('s', 'pgoutput') IS NOT NULL AS made";
      expect(await server.query(slots)).toEqual([{ made: 't' }]);
    } finally {
      await server.close();
    }
    await expect(server.connect()).rejects.toThrow();
  },
);
