/** The Java client's transactions on the embedded broker, and what Kafka's own tools say about them and about our files. */

import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { systemClock } from '../../core/base/clock.ts';
import { silentLogger } from '../../core/base/logger.ts';
import { type Admin, type Cluster, connectCluster, openAdmin } from '../../core/client/index.ts';
import { type EmbeddedBroker, startEmbeddedBroker } from '../core/client/embedded-broker.ts';
import { temporaryFolder } from './child.ts';
import { compileJava, type JavaProgram, startJava } from './java-program.ts';
import { runKafkaTool } from './kafka-server.ts';
import { readCommitted } from './read-committed.ts';

const input = 'java-in';
const output = 'java-out';

describe("the Java client's transactions", () => {
  let folder: Awaited<ReturnType<typeof temporaryFolder>>;
  let broker: EmbeddedBroker;
  let cluster: Cluster;
  let admin: Admin;
  let program: JavaProgram;
  let address: string;

  beforeAll(async () => {
    folder = await temporaryFolder('java');
    broker = await startEmbeddedBroker();
    address = broker.bootstrapServers[0]!;
    cluster = connectCluster({
      bootstrapServers: broker.bootstrapServers,
      clientId: 'witness',
      clock: systemClock,
      logger: silentLogger,
    });
    admin = openAdmin(cluster);
    await admin.ensureTopics([
      { topic: input, partitions: 2 },
      { topic: output, partitions: 1 },
    ]);
    program = startJava([...(await compileJava('TransactionalClient', folder.path)), address, input, output]);
  });

  afterAll(async () => {
    await program?.kill();
    await admin?.close();
    cluster?.close();
    await broker?.close();
    await folder?.remove();
  });

  const committed = async (topic: string, partition: number) =>
    (await readCommitted(cluster, topic)).filter((record) => record.partition === partition).map(({ value }) => value);

  const rounds = Array.from({ length: 20 }, (_, round) => round).filter((round) => round % 4 !== 3);

  test('commits, aborts, goes on behind its offsets, and fences', async () => {
    await program.line('written');
    expect(await program.line('transformed')).toBe('transformed 30');
    expect(await program.line('fenced by')).toMatch(/ProducerFenced|InvalidProducerEpoch/);
    for (const partition of [0, 1]) {
      expect(await committed(input, partition)).toEqual(rounds.map((round) => `line ${round} ${partition}`));
    }
    await program.line('open');
    const transformed = rounds.flatMap((round) => [`LINE ${round} 0`, `LINE ${round} 1`]);
    expect((await committed(output, 0)).sort()).toEqual(transformed.sort());
  });

  test('kafka-transactions finds and describes the open one', async () => {
    const transactions = (...args: string[]) => runKafkaTool('transactions', ['--bootstrap-server', address, ...args]);
    expect(await transactions('list')).toMatch(/^java-open\s+\d+\s+\d+\s+Ongoing/m);
    const described = await transactions('describe', '--transactional-id', 'java-open');
    expect(described).toMatch(/java-open.*Ongoing/);
    expect(described).toContain(`${output}-0`);
    const producers = await transactions('describe-producers', '--topic', output, '--partition', '0');
    const columns = producers
      .trim()
      .split('\n')
      .slice(1)
      .map((line) => line.trim().split(/\s+/));
    // The last column is the first offset of the producer's open transaction.
    expect(columns.filter((column) => column.at(-1) !== 'None')).toHaveLength(1);
    expect((await transactions('find-hanging', '--broker-id', '1')).trim().split('\n')).toHaveLength(1);
  });

  test('the open one is seen once it is committed', async () => {
    expect(await committed(output, 0)).not.toContain('left open');
    program.tell('commit');
    await program.line('done');
    expect((await committed(output, 0)).at(-1)).toBe('left open');
  });

  test('kafka-dump-log reads markers, the transaction log and the offsets', async () => {
    const dump = async (prefix: string, ...args: string[]) => {
      const folders = (await readdir(broker.dataDir)).filter((name) => name.startsWith(prefix));
      const lists = await Promise.all(folders.map((name) => readdir(join(broker.dataDir, name))));
      const files = folders.flatMap((name, at) => lists[at]!.map((file) => join(broker.dataDir, name, file)));
      const segments = files.filter((file) => file.endsWith('.log')).join(',');
      return runKafkaTool('dump-log', ['--files', segments, ...args]);
    };
    const data = await dump(`${input}-0`, '--print-data-log');
    expect(data.match(/endTxnMarker: COMMIT/g)).toHaveLength(15);
    expect(data.match(/endTxnMarker: ABORT/g)).toHaveLength(5);
    expect(data).not.toContain('isvalid: false');
    const states = await dump('__transaction_state-', '--transaction-log-decoder');
    expect(states).toMatch(/"transactionalId":"java-open".*"transactionStatus":4/);
    expect(states).not.toContain('isvalid: false');
    const offsets = await dump('__consumer_offsets-', '--offsets-decoder');
    expect(offsets).toContain(`"group":"java-transform","topic":"${input}","partition":1`);
    expect(offsets).not.toContain('isvalid: false');
  });
});
