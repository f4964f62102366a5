/** Debezium in a worker of Kafka Connect on Apache Kafka, as the peer of change data capture: worker and broker, both counted. */

import { globSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { type Admin, openAdmin } from '../../core/client/index.ts';
import { freePort } from '../../test/free-port.ts';
import type { ServerProcess } from '../../test/servers/child.ts';
import { startKafka } from '../../test/servers/kafka-server.ts';
import { mavenClassPath } from '../../test/servers/maven.ts';
import {
  type Database,
  dropSlot,
  isSlotActive,
  mark,
  marksTable,
  publicationName,
  until,
} from '../postgres/database.ts';
import { connectTo, type Follower, readableOffset } from '../postgres/follower.ts';
import { putConnector, startWorker } from './kafka-connect.ts';

const pom = resolve(import.meta.dirname, '../../test/servers/debezium/pom.xml');

export interface DebeziumOptions {
  readonly database: Database;
  readonly slotName: string;
  readonly settings?: Readonly<Record<string, string>>;
}

export interface DebeziumConnector extends Follower {
  /** It lets go of its slot; what it has stored stays. */
  pause(): Promise<void>;
  resume(): Promise<void>;
  /** The connector goes, its slot and its topics. */
  stop(): Promise<void>;
}

export interface DebeziumPeer {
  /** Makes a connector and its topics, and waits for nothing. */
  create(options: DebeziumOptions): Promise<DebeziumConnector>;
  /** The same for one that reads changes only: it stands at the end of the log when this resolves. */
  follow(options: DebeziumOptions): Promise<DebeziumConnector>;
  stopWorker(): Promise<void>;
  /** A new process; what it has stored is in Kafka. Resolves when its REST interface answers. */
  startWorker(): Promise<void>;
  readonly workerPid: number;
  close(): Promise<void>;
}

export async function startDebeziumPeer(folder: string): Promise<DebeziumPeer> {
  const kafka = await startKafka(join(folder, 'kafka'));
  const peer = new Peer(folder, kafka.bootstrapServers, () => kafka.brokers.map((broker) => broker.process));
  await peer.startWorker();
  return {
    create: (options) => peer.create(options),
    follow: (options) => peer.follow(options),
    stopWorker: () => peer.stopWorker(),
    startWorker: () => peer.startWorker(),
    get workerPid() {
      return peer.workerPid;
    },
    async close() {
      await peer.stopWorker();
      await kafka.close();
    },
  };
}

class Peer {
  readonly #folder: string;
  readonly #bootstrapServers: string[];
  readonly #brokers: () => readonly ServerProcess[];
  #worker: ServerProcess | undefined;
  #rest = '';
  #workers = 0;
  #connectors = 0;

  constructor(folder: string, bootstrapServers: string[], brokers: () => readonly ServerProcess[]) {
    this.#folder = folder;
    this.#bootstrapServers = bootstrapServers;
    this.#brokers = brokers;
  }

  async startWorker(): Promise<void> {
    this.#workers += 1;
    this.#rest = `http://127.0.0.1:${await freePort()}`;
    const jars = globSync(join(dirname(await mavenClassPath(pom, 'debezium')), '*.jar'));
    const home = join(this.#folder, `worker-${this.#workers}`);
    this.#worker = await startWorker(home, this.#bootstrapServers, { rest: this.#rest, jars });
  }

  get workerPid(): number {
    if (this.#worker === undefined) throw new Error('the worker does not run');
    return this.#worker.pid;
  }

  async stopWorker(): Promise<void> {
    await this.#worker?.stop();
    this.#worker = undefined;
  }

  async create({ database, slotName, settings = {} }: DebeziumOptions): Promise<DebeziumConnector> {
    this.#connectors += 1;
    const name = `debezium-${this.#connectors}`;
    const topicOf = (table: string) => `${name}.${table}`;
    const topics = database.tables.map(topicOf);
    await this.#administer((admin) => admin.ensureTopics(topics.map((topic) => ({ topic, partitions: 1 }))));
    const { host, port, user, password, database: dbname } = database.server;
    await putConnector(this.#rest, name, {
      'connector.class': 'io.debezium.connector.postgresql.PostgresConnector',
      'tasks.max': '1',
      'plugin.name': 'pgoutput',
      'database.hostname': host,
      'database.port': String(port),
      'database.user': user,
      'database.password': password,
      'database.dbname': dbname,
      'topic.prefix': name,
      'slot.name': slotName,
      'publication.name': publicationName,
      'publication.autocreate.mode': 'disabled',
      ...settings,
    });
    const letsGo = () =>
      until('Debezium has let go of its slot', async () => !(await isSlotActive(database, slotName)));
    const ask = (method: string, path: string) => fetch(`${this.#rest}/connectors/${name}${path}`, { method });
    const removeTopics = () => this.#administer((admin) => admin.deleteTopics(topics));
    const processes = () => [...this.#brokers(), ...(this.#worker === undefined ? [] : [this.#worker])];
    return {
      get processes() {
        return processes();
      },
      bootstrapServers: this.#bootstrapServers,
      topicOf,
      async pause() {
        await ask('PUT', '/stop');
        await letsGo();
      },
      async resume() {
        await ask('PUT', '/resume');
      },
      async stop() {
        await ask('DELETE', '');
        await letsGo();
        await dropSlot(database, slotName);
        await removeTopics();
      },
    };
  }

  async follow({ database, slotName, settings }: DebeziumOptions): Promise<DebeziumConnector> {
    const noData = { 'snapshot.mode': 'no_data', ...settings };
    const connector = await this.create({ database, slotName, settings: noData });
    await until('Debezium reads its slot', () => isSlotActive(database, slotName));
    // One that has stored no position would begin at the end of the log as it is when it is resumed.
    await mark(database);
    const cluster = connectTo(connector);
    const topic = connector.topicOf(marksTable);
    await until('the mark has come', async () => (await readableOffset(cluster, topic)) > 0);
    cluster.close();
    return connector;
  }

  async #administer(work: (admin: Admin) => Promise<unknown>): Promise<void> {
    const cluster = connectTo({ bootstrapServers: this.#bootstrapServers });
    const admin = openAdmin(cluster);
    try {
      await work(admin);
    } finally {
      await admin.close();
      cluster.close();
    }
  }
}
