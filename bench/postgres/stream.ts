/**
 * Changes of PostgreSQL into topics: changes a second and per CPU-second of our whole process, beside `pg_recvlogical` (Debian's
 * postgresql-client), which writes what the server sends into a file and looks at nothing. Every run reads the same
 * transactions again, from a slot of its own. Debezium runs in a worker of Kafka Connect on Apache Kafka, both counted and
 * both warm; ours starts anew for each run.
 * `npm run bench -- postgres [--workload rows|mixed|pgbench] [--rows 1000000] [--bytes 100|208|1600] [--transaction 100]
 * [--rounds 3] [--no-peers] [--profile]`.
 */

import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { countRecords, mustEqual, runOnce } from '../main-job/millrace.ts';
import { inFolder } from '../main-job/options.ts';
import { measureCommand } from '../measure.ts';
import { type DebeziumConnector, type DebeziumPeer, startDebeziumPeer } from '../peers/debezium.ts';
import { costOf } from '../peers/kafka-connect.ts';
import { runRounds, type Subject } from '../rounds.ts';
import { createSlot, type Database, dropSlot, marksTable, onDatabase, publicationName, until } from './database.ts';
import { connectTo, readableOffset } from './follower.ts';
import { capturePipeline, topicOf } from './millrace.ts';
import { mixedWorkload, rowsWorkload, tpcbWorkload, type Workload } from './workloads.ts';

const { values } = parseArgs({
  options: {
    workload: { type: 'string', default: 'rows' },
    rounds: { type: 'string', default: '3' },
    rows: { type: 'string', default: '1000000' },
    bytes: { type: 'string', default: '208' },
    transaction: { type: 'string', default: '100' },
    peers: { type: 'boolean', default: true },
    profile: { type: 'boolean', default: false },
  },
  allowNegative: true,
});
const rounds = values.profile ? 1 : Number(values.rounds);
const runsOfEach = rounds > 1 ? rounds + 1 : 1;

function chosenWorkload(): Workload {
  const rows = Number(values.rows);
  const perTransaction = Number(values.transaction);
  if (values.workload === 'pgbench') return tpcbWorkload({ rows });
  if (values.workload === 'mixed') return mixedWorkload({ rows, perTransaction });
  return rowsWorkload({ bytes: values.bytes, rows, perTransaction });
}

const workload = chosenWorkload();

/** One slot for each run, made before anything is written. */
class Slots {
  readonly #database: Database;
  readonly #names: string[] = [];
  #count = 0;

  constructor(database: Database) {
    this.#database = database;
  }

  async make(count: number): Promise<void> {
    for (let i = 0; i < count; i += 1) {
      this.#count += 1;
      const name = `bench_${this.#count}`;
      await createSlot(this.#database, name);
      this.#names.push(name);
    }
  }

  next(): string {
    const name = this.#names.shift();
    if (name === undefined) throw new Error('every slot has been read');
    return name;
  }
}

interface Place {
  readonly folder: string;
  readonly database: Database;
  readonly slots: Slots;
}

function millrace({ folder, database, slots }: Place, name: string, format: string): Subject {
  return {
    name,
    async run() {
      const slotName = slots.next();
      const dataDir = join(folder, `data-${slotName}`);
      const settings = ['snapshot.mode: no_data', `format: ${format}`];
      const pipeline = capturePipeline({ folder, database, slotName, settings });
      const profileInto = values.profile ? join(folder, 'profile') : undefined;
      const cost = await runOnce({ pipeline, dataDir, profileInto });
      const found = await countRecords(dataDir, ...workload.tables.map(topicOf));
      mustEqual('records in the topics', found, workload.records);
      rmSync(dataDir, { recursive: true });
      await dropSlot(database, slotName);
      return { ...cost, amount: workload.changes };
    },
  };
}

function receiver({ folder, database, slots }: Place, endLsn: string): Subject {
  return {
    name: 'pg_recvlogical, into a file',
    async run() {
      const slotName = slots.next();
      const file = join(folder, 'received');
      const options = ['-o', 'proto_version=1', '-o', `publication_names=${publicationName}`, '--no-loop'];
      const where = ['-d', database.server.url, '--slot', slotName, '--start', '-f', file, '--endpos', endLsn];
      const cost = await measureCommand('pg_recvlogical', [...where, ...options]);
      rmSync(file);
      await dropSlot(database, slotName);
      return { ...cost, amount: workload.changes };
    },
  };
}

/** Connectors that wait for the changes, one for each run. */
async function prepareDebezium(peer: DebeziumPeer, database: Database): Promise<DebeziumConnector[]> {
  const connectors: DebeziumConnector[] = [];
  for (let run = 1; run <= runsOfEach; run += 1) {
    const connector = await peer.follow({ database, slotName: `debezium_${run}` });
    await connector.pause();
    connectors.push(connector);
  }
  return connectors;
}

function debezium(connectors: DebeziumConnector[]): Subject {
  return {
    name: 'Debezium, Kafka Connect and Kafka',
    async run() {
      const connector = connectors.shift();
      if (connector === undefined) throw new Error('every connector has run');
      const cluster = connectTo(connector);
      const topics = workload.tables.map(connector.topicOf);
      const records = async () => {
        const counts = await Promise.all(topics.map((topic) => readableOffset(cluster, topic)));
        return counts.reduce((sum, count) => sum + count, 0);
      };
      await records();
      const cost = await costOf(connector.processes, async () => {
        await connector.resume();
        await until('Debezium has sent every record', async () => (await records()) >= workload.records);
      });
      mustEqual('records of Debezium', await records(), workload.records);
      cluster.close();
      await connector.stop();
      return { ...cost, amount: workload.changes };
    },
  };
}

await inFolder(async (folder) => {
  const peer = values.peers && !values.profile ? await startDebeziumPeer(folder) : undefined;
  try {
    await onDatabase(workload, async (database) => {
      const slots = new Slots(database);
      const connectors = peer === undefined ? [] : await prepareDebezium(peer, database);
      await slots.make((values.profile ? 1 : peer === undefined ? 3 : 4) * runsOfEach);
      await workload.write(database.server);
      // The receiver ends with the first change behind the place it was given.
      const [end] = await database.server.query(
        `INSERT INTO ${marksTable} DEFAULT VALUES RETURNING pg_current_wal_insert_lsn()`,
      );
      await database.server.query('CHECKPOINT');
      const place = { folder, database, slots };
      const subjects = [millrace(place, 'Millrace, Debezium envelope', 'debezium')];
      if (!values.profile) {
        subjects.push(millrace(place, 'Millrace, lean', 'lean'));
        if (peer !== undefined) {
          subjects.push(receiver(place, end?.['pg_current_wal_insert_lsn'] ?? '0/0'), debezium(connectors));
        }
        subjects.push(millrace(place, 'Millrace again (A/A)', 'debezium'));
      }
      await runRounds(subjects, { rounds, unit: 'thousand changes', unitSize: 1000 });
    });
  } finally {
    await peer?.close();
  }
});
