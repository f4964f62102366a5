/** Debezium in a worker of Kafka Connect on Apache Kafka, as the peer of change data capture: worker and broker, both counted. */

import { globSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort } from '../../test/free-port.ts';
import type { PostgresServer } from '../../test/kits/postgres-server.ts';
import type { ServerProcess } from '../../test/servers/child.ts';
import { runKafkaTool, startKafka } from '../../test/servers/kafka-server.ts';
import { mavenClassPath } from '../../test/servers/maven.ts';
import { countAt } from '../main-job/millrace.ts';
import type { Cost } from '../measure.ts';
import { costOf, putConnector, startWorker } from './kafka-connect.ts';

const pom = resolve(import.meta.dirname, '../../test/servers/debezium/pom.xml');
const lookEveryMs = 50;
const longestRunMs = 300_000;

export interface Following {
  readonly server: PostgresServer;
  readonly slotName: string;
  readonly publicationName: string;
  /** `schema.table` */
  readonly table: string;
  readonly rows: number;
}

export interface DebeziumPeer {
  /**
   * Makes a connector that stands right behind the present end of the log, and stops it there: one that is new would begin at
   * the end of the log as it is then. `mark` writes a row into the table, and may be called several times.
   */
  prepare(what: Following, mark: () => Promise<unknown>): Promise<string>;
  /** From the request to go on until the topic of the connector holds every row. */
  follow(name: string, what: Following): Promise<Cost>;
  close(): Promise<void>;
}

export async function startDebeziumPeer(folder: string): Promise<DebeziumPeer> {
  const kafka = await startKafka(join(folder, 'kafka'));
  const broker = kafka.brokers[0]?.process;
  if (broker === undefined) throw new Error('no broker was started');
  const rest = `http://127.0.0.1:${await freePort()}`;
  const jars = globSync(join(dirname(await mavenClassPath(pom, 'debezium')), '*.jar'));
  const worker = await startWorker(join(folder, 'worker'), kafka.bootstrapServers, { rest, jars });
  const running = { processes: [broker, worker], bootstrapServers: kafka.bootstrapServers, rest };
  let connectors = 0;
  return {
    prepare(what, mark) {
      connectors += 1;
      return prepare(`debezium-${connectors}`, what, mark, running);
    },
    follow: (name, what) => follow(name, what, running),
    async close() {
      await worker.stop();
      await kafka.close();
    },
  };
}

interface Running {
  readonly processes: readonly ServerProcess[];
  readonly bootstrapServers: string[];
  readonly rest: string;
}

async function prepare(
  name: string,
  { server, slotName, publicationName, table }: Following,
  mark: () => Promise<unknown>,
  { bootstrapServers, rest }: Running,
): Promise<string> {
  const bootstrap = ['--bootstrap-server', bootstrapServers.join(',')];
  await runKafkaTool('topics', [...bootstrap, '--create', '--topic', `${name}.${table}`, '--partitions', '1']);
  await putConnector(rest, name, {
    'connector.class': 'io.debezium.connector.postgresql.PostgresConnector',
    'tasks.max': '1',
    'plugin.name': 'pgoutput',
    'database.hostname': server.host,
    'database.port': String(server.port),
    'database.user': server.user,
    'database.password': server.password,
    'database.dbname': server.database,
    'topic.prefix': name,
    'slot.name': slotName,
    'publication.name': publicationName,
    'publication.autocreate.mode': 'disabled',
    'snapshot.mode': 'no_data',
  });
  const isActive = async () =>
    (await server.query('SELECT active FROM pg_replication_slots WHERE slot_name = $1', [slotName]))[0]?.['active'] ===
    't';
  await until(isActive, 'Debezium reads its slot');
  await mark();
  await until(
    async () => (await countAt(bootstrapServers, `${name}.${table}`).catch(() => 0)) > 0,
    'the mark has come',
  );
  await fetch(`${rest}/connectors/${name}/stop`, { method: 'PUT' });
  await until(async () => !(await isActive()), 'Debezium has stopped');
  return name;
}

async function follow(
  name: string,
  { table, rows }: Following,
  { processes, bootstrapServers, rest }: Running,
): Promise<Cost> {
  const topic = `${name}.${table}`;
  const goal = (await countAt(bootstrapServers, topic)) + rows;
  const cost = await costOf(processes, async () => {
    await fetch(`${rest}/connectors/${name}/resume`, { method: 'PUT' });
    await until(async () => (await countAt(bootstrapServers, topic)) >= goal, 'Debezium has sent every row');
  });
  await fetch(`${rest}/connectors/${name}`, { method: 'DELETE' });
  return cost;
}

async function until(isSo: () => Promise<boolean>, what: string): Promise<void> {
  const startedMs = performance.now();
  while (!(await isSo())) {
    if (performance.now() - startedMs > longestRunMs) throw new Error(`not so within ${longestRunMs} ms: ${what}`);
    await sleep(lookEveryMs);
  }
}
