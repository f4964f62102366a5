/** A distributed worker of Kafka Connect with exactly-once sources, which keeps everything it knows in a broker. */

import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { freePort } from '../free-port.ts';
import { type ServerProcess, startServer } from './child.ts';
import { kafkaClassPath } from './kafka-server.ts';

export interface ConnectWorker {
  readonly process: ServerProcess;
  /** A call of its REST interface; rejects unless it succeeds. */
  rest(method: 'GET' | 'PUT' | 'POST', path: string, body?: unknown): Promise<unknown>;
}

export const connectTopics = {
  config: 'connect-configs',
  offset: 'connect-offsets',
  status: 'connect-status',
} as const;

/** `connectors` is a class path of connectors that Kafka does not bring itself. */
export async function startConnect(
  folder: string,
  bootstrapServer: string,
  connectors?: string,
): Promise<ConnectWorker> {
  const port = await freePort();
  const properties = {
    'bootstrap.servers': bootstrapServer,
    'group.id': 'connect-pool',
    'key.converter': 'org.apache.kafka.connect.storage.StringConverter',
    'value.converter': 'org.apache.kafka.connect.storage.StringConverter',
    'config.storage.topic': connectTopics.config,
    'offset.storage.topic': connectTopics.offset,
    'offset.storage.partitions': '2',
    'status.storage.topic': connectTopics.status,
    'status.storage.partitions': '1',
    'config.storage.replication.factor': '1',
    'offset.storage.replication.factor': '1',
    'status.storage.replication.factor': '1',
    'exactly.once.source.support': 'enabled',
    'offset.flush.interval.ms': '500',
    // A killed worker is given up soon, and its tasks are not kept for it.
    'session.timeout.ms': '6000',
    'heartbeat.interval.ms': '1000',
    'scheduled.rebalance.max.delay.ms': '0',
    'plugin.discovery': 'service_load',
    listeners: `http://127.0.0.1:${port}`,
  };
  await mkdir(folder, { recursive: true });
  const file = join(folder, 'worker.properties');
  await writeFile(
    file,
    Object.entries(properties)
      .map(([key, value]) => `${key}=${value}\n`)
      .join(''),
  );
  const url = `http://127.0.0.1:${port}`;
  const logging = join(import.meta.dirname, 'kafka', 'server.yaml');
  const process = await startServer({
    command: 'java',
    args: [
      ...[
        '-XX:TieredStopAtLevel=1',
        '-Xmx384m',
        `-Dlog4j2.configurationFile=${logging}`,
        '-cp',
        [await kafkaClassPath(), ...(connectors === undefined ? [] : [connectors])].join(':'),
      ],
      ...['org.apache.kafka.connect.cli.ConnectDistributed', file],
    ],
    folder,
    // It answers on its port before it has joined its group; only then it serves.
    isReady: () =>
      fetch(`${url}/connectors`, { signal: AbortSignal.timeout(2_000) }).then(
        ({ ok }) => ok,
        () => false,
      ),
  });
  return {
    process,
    rest: async (method, path, body) => {
      const response = await fetch(`${url}${path}`, {
        method,
        headers: { 'content-type': 'application/json' },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        signal: AbortSignal.timeout(60_000),
      });
      const text = await response.text();
      if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`);
      return text === '' ? undefined : JSON.parse(text);
    },
  };
}
