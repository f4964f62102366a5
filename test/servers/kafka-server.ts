/** Apache Kafka as a test server: one or more KRaft brokers on loopback, fetched from Maven Central once. */

import { appendFile, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { freePort } from '../free-port.ts';
import { cleanEnv, run, type ServerProcess, startServer } from './child.ts';
import { mavenClassPath } from './maven.ts';

const kafkaVersion = '4.3.1';
const here = import.meta.dirname;

const toolClasses = {
  configs: 'kafka.admin.ConfigCommand',
  'console-consumer': 'org.apache.kafka.tools.consumer.ConsoleConsumer',
  'console-producer': 'org.apache.kafka.tools.ConsoleProducer',
  'consumer-groups': 'org.apache.kafka.tools.consumer.group.ConsumerGroupCommand',
  'dump-log': 'org.apache.kafka.tools.DumpLogSegments',
  'get-offsets': 'org.apache.kafka.tools.GetOffsetShell',
  'producer-perf-test': 'org.apache.kafka.tools.ProducerPerformance',
  storage: 'kafka.tools.StorageTool',
  topics: 'org.apache.kafka.tools.TopicCommand',
  transactions: 'org.apache.kafka.tools.TransactionsCommand',
} as const;

export type KafkaTool = keyof typeof toolClasses;

export interface KafkaServer {
  readonly bootstrapServers: string[];
  /** In node id order, from 1. */
  readonly brokers: readonly KafkaBroker[];
  close(): Promise<void>;
}

export interface KafkaBroker {
  readonly nodeId: number;
  readonly address: string;
  readonly dataFolder: string;
  readonly process: ServerProcess;
  /** Starts it again on the same port and data after `process.stop()` or `process.kill()`. */
  restart(): Promise<void>;
}

/** The class path of Kafka, its tools and Connect; the first call of a machine downloads them (about 130 MB). */
export function kafkaClassPath(): Promise<string> {
  const pom = join(here, 'kafka', 'pom.xml');
  return mavenClassPath(pom, `kafka-${kafkaVersion}`, [`-Dkafka.version=${kafkaVersion}`]);
}

/** Runs one of Kafka's own programs to its end and returns what it wrote to standard output. */
export async function runKafkaTool(tool: KafkaTool, args: readonly string[]): Promise<string> {
  const options = [`-Dlog4j2.configurationFile=${join(here, 'kafka', 'quiet.yaml')}`, '-Xmx512m'];
  const { stdout } = await run('java', [...options, '-cp', await kafkaClassPath(), toolClasses[tool], ...args], {
    env: cleanEnv(),
    maxBuffer: 256 * 1024 * 1024,
  });
  return stdout;
}

/** Starts `brokerCount` combined brokers and controllers with everything they keep under `folder`. */
export async function startKafka(
  folder: string,
  { brokerCount = 1, settings = {} }: { brokerCount?: number; settings?: Readonly<Record<string, string>> } = {},
): Promise<KafkaServer> {
  const classPath = await kafkaClassPath();
  const ports: { client: number; controller: number }[] = [];
  for (let i = 0; i < brokerCount; i++) ports.push({ client: await freePort(), controller: await freePort() });
  const voters = ports.map(({ controller }, i) => `${i + 1}@127.0.0.1:${controller}`).join(',');
  const clusterId = (await runKafkaTool('storage', ['random-uuid'])).trim();
  const brokers = await Promise.all(
    ports.map(async ({ client, controller }, i) => {
      const nodeId = i + 1;
      const home = join(folder, `broker-${nodeId}`);
      const properties = join(home, 'server.properties');
      await mkdir(home, { recursive: true });
      const all = { ...brokerSettings({ nodeId, client, controller, voters, home, brokerCount }), ...settings };
      for (const [key, value] of Object.entries(all)) await appendFile(properties, `${key}=${value}\n`);
      await runKafkaTool('storage', ['format', '-g', '-t', clusterId, '-c', properties]);
      return startBroker({ nodeId, address: `127.0.0.1:${client}`, home, properties, classPath });
    }),
  );
  return {
    bootstrapServers: brokers.map(({ address }) => address),
    brokers,
    close: async () => {
      await Promise.all(brokers.map((broker) => broker.process.stop()));
    },
  };
}

function brokerSettings(options: {
  nodeId: number;
  client: number;
  controller: number;
  voters: string;
  home: string;
  brokerCount: number;
}): Record<string, string> {
  const replication = String(Math.min(options.brokerCount, 3));
  const minInSync = options.brokerCount > 2 ? '2' : '1';
  return {
    'process.roles': 'broker,controller',
    'node.id': String(options.nodeId),
    'controller.quorum.voters': options.voters,
    listeners: `PLAINTEXT://127.0.0.1:${options.client},CONTROLLER://127.0.0.1:${options.controller}`,
    'advertised.listeners': `PLAINTEXT://127.0.0.1:${options.client}`,
    'controller.listener.names': 'CONTROLLER',
    'inter.broker.listener.name': 'PLAINTEXT',
    'listener.security.protocol.map': 'CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT',
    'log.dirs': join(options.home, 'data'),
    'default.replication.factor': replication,
    'min.insync.replicas': minInSync,
    'offsets.topic.replication.factor': replication,
    'offsets.topic.num.partitions': '4',
    'transaction.state.log.replication.factor': replication,
    'transaction.state.log.min.isr': minInSync,
    'transaction.state.log.num.partitions': '4',
    'share.coordinator.state.topic.replication.factor': replication,
    'share.coordinator.state.topic.min.isr': minInSync,
    'group.initial.rebalance.delay.ms': '0',
    'auto.create.topics.enable': 'false',
  };
}

async function startBroker(options: {
  nodeId: number;
  address: string;
  home: string;
  properties: string;
  classPath: string;
}): Promise<KafkaBroker> {
  const start = () =>
    startServer({
      command: 'java',
      args: [
        '-Xms256m',
        '-Xmx512m',
        `-Dlog4j2.configurationFile=${join(here, 'kafka', 'server.yaml')}`,
        '-cp',
        options.classPath,
        'kafka.Kafka',
        options.properties,
      ],
      folder: options.home,
      isReady: (log) => log.includes('Kafka Server started'),
    });
  let running = await start();
  return {
    nodeId: options.nodeId,
    address: options.address,
    dataFolder: join(options.home, 'data'),
    get process() {
      return running;
    },
    restart: async () => {
      running = await start();
    },
  };
}
