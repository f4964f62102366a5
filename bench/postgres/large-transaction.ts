/**
 * One transaction of millions of rows, told while it runs: how soon its first row is here (with PostgreSQL 14 and newer it is
 * kept in memory and in files until the commit), how long after the commit the first and the last are readable, and what
 * memory and disk that takes. A mark behind it in the log shows when all of it has come.
 * `npm run bench -- postgres-transaction [--rows 3000000] [--rounds 3] [--no-peers] [--profile]`.
 */

import { readdirSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { countRecords, mustEqual } from '../main-job/millrace.ts';
import { inFolder } from '../main-job/options.ts';
import { type Cost, describeMachine, formatSpread, formatTable } from '../measure.ts';
import { startDebeziumPeer } from '../peers/debezium.ts';
import { costOf } from '../peers/kafka-connect.ts';
import { createSlot, type Database, dropSlot, mark, marksTable, onDatabase, until } from './database.ts';
import { connectTo, type Follower, readableOffset } from './follower.ts';
import { followWithMillrace } from './millrace.ts';
import { insertOrders, ordersSql } from './workloads.ts';

const { values } = parseArgs({
  options: {
    rows: { type: 'string', default: '3000000' },
    rounds: { type: 'string', default: '3' },
    peers: { type: 'boolean', default: true },
    profile: { type: 'boolean', default: false },
  },
  allowNegative: true,
});
const rows = Number(values.rows);
const table = 'public.orders';
const lookEveryMs = 5;

interface LargeTransaction extends Cost {
  /** All in seconds. Until the writer had the answer to its commit. */
  readonly writing: number;
  /** From the beginning of the transaction; only for one that keeps files. */
  readonly firstFileAt: number | undefined;
  /** From the answer to the commit. */
  readonly firstReadable: number;
  readonly lastReadable: number;
  readonly mostSpoolMb: number;
}

interface Subject {
  readonly name: string;
  run(): Promise<LargeTransaction>;
}

/** Looks at the files of open transactions until it is stopped. */
function watchSpool(folder: string) {
  const startedMs = performance.now();
  let firstMs: number | undefined;
  let mostBytes = 0;
  const interval = setInterval(() => {
    const bytes = bytesBelow(join(folder, 'millrace-spool'));
    if (bytes > 0) firstMs ??= performance.now();
    mostBytes = Math.max(mostBytes, bytes);
  }, 20);
  return () => {
    clearInterval(interval);
    return { firstFileAt: firstMs && (firstMs - startedMs) / 1000, mostSpoolMb: mostBytes / 1e6 };
  };
}

function bytesBelow(folder: string): number {
  try {
    const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
    return files.reduce((sum, { parentPath, name }) => sum + statSync(join(parentPath, name)).size, 0);
  } catch {
    // There is none yet, or one went while it was looked at.
    return 0;
  }
}

async function measure(database: Database, follower: Follower, folder: string): Promise<LargeTransaction> {
  const cluster = connectTo(follower);
  const readable = (of: string) => readableOffset(cluster, follower.topicOf(of));
  const marksBefore = await readable(marksTable);
  const before = await readable(table);
  const moments = { committed: 0, first: 0, last: 0 };
  let startedMs = 0;
  const spool = watchSpool(folder);
  const cost = await costOf(follower.processes, async (costStartedMs) => {
    startedMs = costStartedMs;
    const firstSeen = until('the first row is readable', async () => (await readable(table)) > before, lookEveryMs);
    const first = firstSeen.then(() => {
      moments.first = performance.now();
    });
    await database.server.query(`${insertOrders('208')}(1, ${rows}) i`);
    moments.committed = performance.now();
    await mark(database);
    await first;
    await until('the mark is readable', async () => (await readable(marksTable)) > marksBefore, lookEveryMs);
    moments.last = performance.now();
  });
  cluster.close();
  return {
    ...cost,
    writing: (moments.committed - startedMs) / 1000,
    firstReadable: (moments.first - moments.committed) / 1000,
    lastReadable: (moments.last - moments.committed) / 1000,
    ...spool(),
  };
}

let runs = 0;

function millrace(database: Database, folder: string, name: string, settings: readonly string[] = []): Subject {
  return {
    name,
    async run() {
      runs += 1;
      const slotName = `bench_${runs}`;
      await createSlot(database, slotName);
      const home = join(folder, slotName);
      const profileInto = values.profile ? join(home, 'profile') : undefined;
      const where = { folder: home, temporaryFolder: home, profileInto };
      const follower = await followWithMillrace({ ...where, database, slotName, settings });
      const measured = await measure(database, follower, home);
      await follower.stop();
      await dropSlot(database, slotName);
      mustEqual('records in the topic', await countRecords(join(home, 'data'), follower.topicOf(table)), rows);
      rmSync(home, { recursive: true });
      return measured;
    },
  };
}

await inFolder(async (folder) => {
  const debezium = values.peers && !values.profile ? await startDebeziumPeer(folder) : undefined;
  const create = (server: Database['server']) => server.query(ordersSql);
  try {
    await onDatabase({ tables: [table], create }, async (database) => {
      const subjects: Subject[] = [millrace(database, folder, 'Millrace')];
      if (!values.profile) {
        const settings = ['slot.stream.params: streaming=off'];
        subjects.push(millrace(database, folder, 'Millrace, sent at its commit (streaming=off)', settings));
      }
      if (debezium !== undefined) {
        subjects.push({
          name: 'Debezium',
          async run() {
            runs += 1;
            const connector = await debezium.follow({ database, slotName: `debezium_${runs}` });
            const measured = await measure(database, connector, folder);
            await connector.stop();
            return { ...measured, mostSpoolMb: Number.NaN };
          },
        });
      }
      const results = new Map<string, LargeTransaction[]>(subjects.map(({ name }) => [name, []]));
      for (let round = 1; round <= (values.profile ? 1 : Number(values.rounds)); round += 1) {
        for (const { name, run } of subjects) {
          await database.server.query('TRUNCATE orders');
          await database.server.query('CHECKPOINT');
          const measured = await run();
          results.get(name)?.push(measured);
          const { writing, firstReadable, lastReadable } = measured;
          const seconds = [writing, firstReadable, lastReadable].map((value) => value.toFixed(2)).join(', ');
          console.error(`round ${round}  ${name}: written, first and last readable behind the commit: ${seconds} s`);
        }
      }
      report(results);
    });
  } finally {
    await debezium?.close();
  }
});

function report(results: ReadonlyMap<string, readonly LargeTransaction[]>): void {
  const header = ['seconds', 'written', 'first file from its beginning', 'first row readable from the commit'];
  const table = [...results].map(([name, list]) => {
    const of = (pick: (measured: LargeTransaction) => number | undefined) => {
      const numbers = list.map((measured) => pick(measured) ?? Number.NaN);
      return numbers.some(Number.isNaN) ? '' : formatSpread(numbers);
    };
    return [
      name,
      of(({ writing }) => writing),
      of(({ firstFileAt }) => firstFileAt),
      of(({ firstReadable }) => firstReadable),
      of(({ lastReadable }) => lastReadable),
      of(({ cpuSeconds }) => cpuSeconds),
      of(({ peakRssMb }) => peakRssMb),
      of(({ mostSpoolMb }) => mostSpoolMb),
    ];
  });
  console.log(`${describeMachine()}\n`);
  console.log(formatTable([...header, 'last row', 'CPU-s', 'peak RSS, MB', 'files, MB'], table));
}
