/** Kafka Connect's FileStreamSource on Apache Kafka as the peer of the whole chain: one worker, one broker, both counted. */

import { appendFileSync, globSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort } from '../../test/free-port.ts';
import { type ServerProcess, startServer } from '../../test/servers/child.ts';
import { kafkaClassPath, runKafkaTool, startKafka } from '../../test/servers/kafka-server.ts';
import type { Input } from '../main-job/input.ts';
import { countAt } from '../main-job/millrace.ts';
import { type Cost, resetPeakRss, sampleProcess } from '../measure.ts';

const loggerSettings = resolve(import.meta.dirname, '../../test/servers/kafka/quiet.yaml');
const lookEveryMs = 50;
const longestRunMs = 900_000;

export interface ConnectPeer {
  /** One connector a file into a topic of its own; from the first request until the topic holds every line. */
  readFiles(input: Input): Promise<Cost>;
  close(): Promise<void>;
}

export async function startConnectPeer(folder: string): Promise<ConnectPeer> {
  const kafka = await startKafka(join(folder, 'kafka'));
  const broker = kafka.brokers[0]?.process;
  if (broker === undefined) throw new Error('no broker was started');
  const rest = `http://127.0.0.1:${await freePort()}`;
  const jars = globSync(join(dirname(await kafkaClassPath()), 'connect-file-*.jar'));
  const worker = await startWorker(join(folder, 'worker'), kafka.bootstrapServers, { rest, jars });
  let runs = 0;
  return {
    readFiles(input) {
      runs += 1;
      return readFiles(input, { processes: [broker, worker], bootstrapServers: kafka.bootstrapServers, rest, runs });
    },
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
  readonly runs: number;
}

async function readFiles(input: Input, { processes, bootstrapServers, rest, runs }: Running): Promise<Cost> {
  const topic = `access-${runs}`;
  const bootstrap = ['--bootstrap-server', bootstrapServers.join(',')];
  await runKafkaTool('topics', [
    ...bootstrap,
    '--create',
    '--topic',
    topic,
    '--partitions',
    String(input.paths.length),
  ]);
  const names = input.paths.map((_, index) => `${topic}-${index}`);
  const cost = await costOf(processes, async (startedMs) => {
    await Promise.all(names.map((name, index) => putConnector(rest, name, connector(input.paths[index] ?? '', topic))));
    while ((await countAt(bootstrapServers, topic)) < input.lines) {
      if (performance.now() - startedMs > longestRunMs) throw new Error('Kafka Connect did not finish');
      await sleep(lookEveryMs);
    }
  });
  await Promise.all(names.map((name) => fetch(`${rest}/connectors/${name}`, { method: 'DELETE' })));
  await runKafkaTool('topics', [...bootstrap, '--delete', '--topic', topic]);
  return cost;
}

/** What the work cost processes that run before and behind it, all together. `work` is told when it began. */
export async function costOf(
  processes: readonly { readonly pid: number }[],
  work: (startedMs: number) => Promise<void>,
): Promise<Cost> {
  for (const { pid } of processes) resetPeakRss(pid);
  const before = processes.map(({ pid }) => sampleProcess(pid));
  const startedMs = performance.now();
  await work(startedMs);
  const wallSeconds = (performance.now() - startedMs) / 1000;
  const after = processes.map(({ pid }) => sampleProcess(pid));
  const sum = (pick: (index: number) => number) => processes.reduce((total, _, index) => total + pick(index), 0);
  return {
    wallSeconds,
    cpuSeconds: sum((index) => (after[index]?.cpuSeconds ?? 0) - (before[index]?.cpuSeconds ?? 0)),
    peakRssMb: sum((index) => after[index]?.peakRssMb ?? 0),
  };
}

function connector(file: string, topic: string): Record<string, string> {
  const converter = 'org.apache.kafka.connect.storage.StringConverter';
  return {
    'connector.class': 'FileStreamSource',
    'tasks.max': '1',
    file,
    topic,
    'batch.size': '10000',
    'key.converter': converter,
    'value.converter': converter,
  };
}

/** Makes a connector, or changes it; rejects when it is refused. */
export async function putConnector(rest: string, name: string, config: Record<string, string>): Promise<void> {
  const answer = await fetch(`${rest}/connectors/${name}/config`, {
    method: 'PUT',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(config),
  });
  if (!answer.ok) throw new Error(`the connector was refused: ${answer.status} ${await answer.text()}`);
}

/** A worker with one plugin, whose REST interface answers at `rest`. */
export async function startWorker(
  folder: string,
  bootstrapServers: string[],
  { rest, jars }: { readonly rest: string; readonly jars: readonly string[] },
): Promise<ServerProcess> {
  const classPath = await kafkaClassPath();
  const plugins = join(folder, 'plugins', 'plugin');
  mkdirSync(plugins, { recursive: true });
  for (const jar of jars) symlinkSync(jar, join(plugins, basename(jar)));
  const properties = join(folder, 'worker.properties');
  writeFileSync(properties, '');
  for (const [key, value] of Object.entries(workerSettings(bootstrapServers, rest, dirname(plugins))))
    appendFileSync(properties, `${key}=${value}\n`);
  const heap = ['-Xms256m', '-Xmx1g', `-Dlog4j2.configurationFile=${loggerSettings}`];
  return startServer({
    command: 'java',
    args: [...heap, '-cp', classPath, 'org.apache.kafka.connect.cli.ConnectDistributed', properties],
    folder,
    isReady: () =>
      fetch(`${rest}/health`).then(
        (answer) => answer.ok,
        () => false,
      ),
  });
}

function workerSettings(bootstrapServers: string[], rest: string, plugins: string): Record<string, string> {
  const json = 'org.apache.kafka.connect.json.JsonConverter';
  const stores = ['config', 'offset', 'status'].flatMap((store) => [
    [`${store}.storage.topic`, `connect-${store}`],
    [`${store}.storage.replication.factor`, '1'],
  ]);
  return {
    'bootstrap.servers': bootstrapServers.join(','),
    'group.id': 'connect',
    ...Object.fromEntries(stores),
    'key.converter': json,
    'value.converter': json,
    'key.converter.schemas.enable': 'false',
    'value.converter.schemas.enable': 'false',
    listeners: rest,
    'rest.advertised.host.name': '127.0.0.1',
    'plugin.path': plugins,
    'offset.flush.interval.ms': '1000',
    'scheduled.rebalance.max.delay.ms': '0',
  };
}
