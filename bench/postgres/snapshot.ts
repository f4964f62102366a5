/**
 * A table into its topic: rows a second and per CPU-second, over one connection and over several. Ours is the whole process
 * from its start to its end; Debezium is warm, counted from the request for the connector until its topic has every row.
 * `npm run bench -- postgres-snapshot [--rows 10000000] [--threads 1,2,4] [--rounds 3] [--no-peers] [--profile]`.
 */

import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { countRecords, mustEqual, runOnce } from '../main-job/millrace.ts';
import { inFolder } from '../main-job/options.ts';
import { type DebeziumPeer, startDebeziumPeer } from '../peers/debezium.ts';
import { costOf } from '../peers/kafka-connect.ts';
import { runRounds, type Subject } from '../rounds.ts';
import { type Database, dropSlot, onDatabase, until } from './database.ts';
import { connectTo, readableOffset } from './follower.ts';
import { capturePipeline, topicOf } from './millrace.ts';
import { insertOrders, ordersSql } from './workloads.ts';

const { values } = parseArgs({
  options: {
    rows: { type: 'string', default: '10000000' },
    threads: { type: 'string', default: '1,2,4' },
    rounds: { type: 'string', default: '3' },
    peers: { type: 'boolean', default: true },
    profile: { type: 'boolean', default: false },
  },
  allowNegative: true,
});
const rounds = values.profile ? 1 : Number(values.rounds);
const rows = Number(values.rows);
const table = 'public.orders';
let runs = 0;

function millrace(folder: string, database: Database, threads: string): Subject {
  return {
    name: `Millrace, connections: ${threads}`,
    async run() {
      runs += 1;
      const slotName = `bench_${runs}`;
      const dataDir = join(folder, slotName);
      const settings = ['snapshot.mode: initial_only', `snapshot.max.threads: ${threads}`];
      const pipeline = capturePipeline({ folder, database, slotName, settings });
      const profileInto = values.profile ? join(folder, 'profile') : undefined;
      const cost = await runOnce({ pipeline, dataDir, profileInto });
      mustEqual('records in the topic', await countRecords(dataDir, topicOf(table)), rows);
      rmSync(dataDir, { recursive: true });
      await dropSlot(database, slotName);
      return { ...cost, amount: rows };
    },
  };
}

function debezium(peer: DebeziumPeer, database: Database, threads: string): Subject {
  return {
    name: `Debezium, Kafka Connect and Kafka, snapshot.max.threads: ${threads}`,
    async run() {
      runs += 1;
      const settings = { 'snapshot.mode': 'initial_only', 'snapshot.max.threads': threads };
      const connector = await peer.create({ database, slotName: `debezium_${runs}`, settings });
      const cluster = connectTo(connector);
      const topic = connector.topicOf(table);
      const cost = await costOf(connector.processes, () =>
        until('Debezium has sent every row', async () => (await readableOffset(cluster, topic)) >= rows),
      );
      mustEqual('records of Debezium', await readableOffset(cluster, topic), rows);
      cluster.close();
      await connector.stop();
      return { ...cost, amount: rows };
    },
  };
}

await inFolder(async (folder) => {
  const peer = values.peers && !values.profile ? await startDebeziumPeer(folder) : undefined;
  const create = async (server: Database['server']) => {
    await server.query(ordersSql);
    await server.query(`${insertOrders('208')}(1, ${rows}) i`);
    await server.query('VACUUM (ANALYZE) orders');
    await server.query('CHECKPOINT');
  };
  try {
    await onDatabase({ tables: [table], create }, async (database) => {
      const threads = values.profile ? ['1'] : values.threads.split(',');
      const subjects = threads.map((count) => millrace(folder, database, count));
      if (peer !== undefined) subjects.push(debezium(peer, database, '1'));
      await runRounds(subjects, { rounds, unit: 'thousand rows', unitSize: 1000 });
    });
  } finally {
    await peer?.close();
  }
});
