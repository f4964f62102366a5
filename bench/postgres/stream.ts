/**
 * Changes of PostgreSQL into a topic: rows a second and per CPU-second of our whole process, beside `pg_recvlogical` (Debian's
 * postgresql-client), which writes what the server sends into a file and looks at nothing. Every run reads the same
 * transactions again, from a slot of its own. Debezium runs in a worker of Kafka Connect on Apache Kafka, both counted and
 * both warm; ours starts anew for each run.
 * `npm run bench -- postgres [--rounds 3] [--rows 1000000] [--transaction 100] [--no-peers] [--profile]`.
 */

import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { type PostgresServer, startPostgres } from '../../test/kits/postgres-server.ts';
import { countRecords, mustEqual, pipelineFile, runOnce } from '../main-job/millrace.ts';
import { inFolder } from '../main-job/options.ts';
import { measureCommand } from '../measure.ts';
import { type DebeziumPeer, startDebeziumPeer } from '../peers/debezium.ts';
import { runRounds, type Subject } from '../rounds.ts';

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '3' },
    rows: { type: 'string', default: '1000000' },
    transaction: { type: 'string', default: '100' },
    peers: { type: 'boolean', default: true },
    profile: { type: 'boolean', default: false },
  },
  allowNegative: true,
});
const rounds = values.profile ? 1 : Number(values.rounds);
const rows = Number(values.rows);
const rowsPerTransaction = Number(values.transaction);

/** About 208 bytes a row: a key, texts, a number, a time and a document. */
const tableSql = `CREATE TABLE orders (id bigint PRIMARY KEY, customer text, note text, amount numeric(12, 2),
  placed_at timestamptz, detail jsonb)`;
const rowSql = `INSERT INTO orders SELECT i, 'customer ' || i % 1000, repeat('n', 60), i * 0.37,
  '2026-11-27T10:00:00Z'::timestamptz + i * interval '1 ms', '{"sku": "A-1234", "count": 3, "gift": false}' FROM generate_series`;

let slots = 0;

async function write(server: PostgresServer): Promise<void> {
  await server.query(
    `CREATE PROCEDURE fill(total bigint, size bigint) LANGUAGE plpgsql AS $$ BEGIN
      FOR start IN 1..total BY size LOOP ${rowSql}(start, least(start + size - 1, total)) i; COMMIT; END LOOP; END $$`,
  );
  await server.query(`CALL fill(${rows}, ${rowsPerTransaction})`);
}

function millrace(folder: string, server: PostgresServer, name: string, format: string): Subject {
  return {
    name,
    async run() {
      slots += 1;
      const dataDir = join(folder, `data-${slots}`);
      const pipeline = pipelineFile(folder, 'shop', [
        'source:',
        '  connector: postgres',
        `  database.url: ${server.url}`,
        '  topic.prefix: shop',
        `  slot.name: bench_${slots}`,
        '  publication.name: bench',
        '  publication.autocreate.mode: disabled',
        '  snapshot.mode: no_data',
        `  format: ${format}`,
        '  key.converter.schemas.enable: false',
        '  value.converter.schemas.enable: false',
      ]);
      const profileInto = values.profile ? join(folder, 'profile') : undefined;
      const cost = await runOnce({ pipeline, dataDir, profileInto });
      mustEqual('records in the topic', await countRecords(dataDir, 'shop.public.orders'), rows);
      return { ...cost, amount: rows };
    },
  };
}

function receiver(folder: string, server: PostgresServer, endLsn: string): Subject {
  return {
    name: 'pg_recvlogical, into a file',
    async run() {
      slots += 1;
      const options = ['-o', 'proto_version=1', '-o', 'publication_names=bench', '--no-loop', '--endpos', endLsn];
      const args = [
        '-d',
        server.url,
        '--slot',
        `bench_${slots}`,
        '--start',
        '-f',
        join(folder, 'received'),
        ...options,
      ];
      return { ...(await measureCommand('pg_recvlogical', args)), amount: rows };
    },
  };
}

/** Connectors that wait for the rows, one for each run. */
async function prepareDebezium(peer: DebeziumPeer, server: PostgresServer, runs: number): Promise<Subject> {
  const where = { server, publicationName: 'bench', table: 'public.orders', rows };
  const names: string[] = [];
  let marks = 0;
  for (let run = 1; run <= runs; run += 1) {
    const slotName = `debezium_${run}`;
    const mark = () => server.query(`INSERT INTO orders (id) VALUES (${--marks})`);
    names.push(await peer.prepare({ ...where, slotName }, mark));
  }
  return {
    name: 'Debezium, Kafka Connect and Kafka',
    async run() {
      const name = names.shift();
      if (name === undefined) throw new Error('every prepared connector has run');
      return { ...(await peer.follow(name, { ...where, slotName: '' })), amount: rows };
    },
  };
}

await inFolder(async (folder) => {
  const peer = values.peers && !values.profile ? await startDebeziumPeer(folder) : undefined;
  const server = await startPostgres({
    version: 15,
    settings: { max_replication_slots: '60', max_wal_size: '8GB', wal_sender_timeout: '0', synchronous_commit: 'off' },
  });
  try {
    await server.query(tableSql);
    await server.query('CREATE PUBLICATION bench FOR TABLE orders');
    const runsOfEach = rounds > 1 ? rounds + 1 : 1;
    const beside = peer === undefined ? undefined : await prepareDebezium(peer, server, runsOfEach);
    const runs = (values.profile ? 1 : peer === undefined ? 3 : 4) * runsOfEach;
    for (let slot = 1; slot <= runs; slot += 1) {
      await server.query(`SELECT pg_create_logical_replication_slot('bench_${slot}', 'pgoutput')`);
    }
    await write(server);
    const [end] = await server.query('SELECT pg_current_wal_flush_lsn() AS lsn');
    await server.query('CHECKPOINT');
    const subjects = [millrace(folder, server, 'Millrace, Debezium envelope', 'debezium')];
    if (!values.profile) {
      subjects.push(millrace(folder, server, 'Millrace, lean', 'lean'));
      if (beside !== undefined) subjects.push(receiver(folder, server, end?.['lsn'] ?? '0/0'), beside);
      subjects.push(millrace(folder, server, 'Millrace again (A/A)', 'debezium'));
    }
    await runRounds(subjects, { rounds, unit: 'thousand rows', unitSize: 1000 });
  } finally {
    await peer?.close();
    await server.close();
  }
});
