/** A database of encoding SQL_ASCII: what is no UTF-8 neither stops a stream nor makes records that are no JSON. */

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { debeziumModes } from '../../../../connectors/postgres-source/values/modes.ts';
import { startPostgres } from '../../../kits/postgres-server.ts';
import { openStream } from './opened-stream.ts';

test('rows with any bytes are streamed', async () => {
  const server = await startPostgres({ version: 18 });
  const folder = mkdtempSync(join(tmpdir(), 'millrace-any-bytes-'));
  try {
    await server.query("CREATE DATABASE any_bytes ENCODING 'SQL_ASCII' TEMPLATE template0 LOCALE 'C'");
    const there = await server.connect('any_bytes');
    await there.query('CREATE TABLE b (id int PRIMARY KEY, t text, l text[])');
    await there.query('CREATE PUBLICATION pub FOR ALL TABLES');
    await there.query("SELECT pg_create_logical_replication_slot('bytes', 'pgoutput')");
    await there.query("INSERT INTO b SELECT 1, t, ARRAY[t, 'fine'] FROM convert_from('\\xc3a9ff', 'SQL_ASCII') t");
    await there.end();
    const stream = await openStream(
      { ...server, database: 'any_bytes' },
      { slotName: 'bytes', spoolFolder: folder, envelope: { modes: { ...debeziumModes, encoding: 'unknown' } } },
    );
    await stream.until(() => stream.changes.length >= 1);
    expect(stream.changes[0]?.after).toEqual({ id: 1, t: 'é\ufffd', l: ['é\ufffd', 'fine'] });
    await stream.close();
  } finally {
    await server.close();
    rmSync(folder, { recursive: true, force: true });
  }
});
