/**
 * Produce with acks=all by Apache Kafka's own performance client, into Millrace and into Apache Kafka, in turn: both syncing
 * before they answer (Kafka with `flush.messages=1`), and neither. CPU-seconds and memory are the broker's alone.
 * `node bench/broker/produce.ts [--megabytes 300] [--rounds 5]`; records of 100 bytes and of 1,024.
 */

import { join } from 'node:path';
import { startMillrace } from '../../test/crash/millrace-child.ts';
import { runKafkaTool, startKafka } from '../../test/servers/kafka-server.ts';
import { countAt, mustEqual } from '../main-job/millrace.ts';
import { benchOptions, inFolder } from '../main-job/options.ts';
import { resetPeakRss, sampleProcess } from '../measure.ts';
import { type Measured, runRounds, type Subject } from '../rounds.ts';

const options = benchOptions({ rounds: 5, megabytes: 300 });

interface RunningBroker {
  readonly name: string;
  readonly address: string;
  readonly pid: number;
  readonly topicSettings: readonly string[];
  close(): Promise<unknown>;
}

async function millrace(folder: string, name: string, durability: 'default' | 'os'): Promise<RunningBroker> {
  const dataDir = join(folder, name.replaceAll(/\W+/g, '-'));
  const listen = ['--listen', '127.0.0.1:0'];
  const child = startMillrace([
    'broker',
    '--data-dir',
    dataDir,
    ...listen,
    '--durability',
    durability,
    '--log-level',
    'warn',
  ]);
  const [, address = ''] = await child.waitFor(/^broker\s+(\S+)/m);
  const close = () => {
    child.process.kill('SIGTERM');
    return child.ended;
  };
  return { name, address, pid: child.process.pid ?? 0, topicSettings: [], close };
}

async function kafka(folder: string): Promise<RunningBroker[]> {
  const server = await startKafka(join(folder, 'kafka'));
  const [broker] = server.brokers;
  if (broker === undefined) throw new Error('no broker was started');
  const common = { address: broker.address, pid: broker.process.pid };
  const synced = ['--config', 'flush.messages=1'];
  return [
    { ...common, name: 'Apache Kafka, synced', topicSettings: synced, close: () => server.close() },
    { ...common, name: 'Apache Kafka, unsynced', topicSettings: [], close: () => Promise.resolve() },
  ];
}

let topics = 0;

/** One run of the client into a topic of its own. */
async function produce(broker: RunningBroker, recordBytes: number): Promise<Measured> {
  topics += 1;
  const topic = `produce-${topics}`;
  const records = Math.floor((options.megabytes * 1e6) / recordBytes);
  const bootstrap = ['--bootstrap-server', broker.address];
  await runKafkaTool('topics', [
    ...bootstrap,
    '--create',
    '--topic',
    topic,
    '--partitions',
    '1',
    ...broker.topicSettings,
  ]);
  resetPeakRss(broker.pid);
  const before = sampleProcess(broker.pid);
  const load = ['--num-records', String(records), '--record-size', String(recordBytes), '--throughput', '-1'];
  const settings = ['--command-property', 'acks=all', 'batch.size=65536', 'linger.ms=5'];
  const output = await runKafkaTool('producer-perf-test', [...bootstrap, '--topic', topic, ...load, ...settings]);
  const after = sampleProcess(broker.pid);
  mustEqual('records in the topic', await countAt([broker.address], topic), records);
  await runKafkaTool('topics', [...bootstrap, '--delete', '--topic', topic]);
  // The last line sums up: "N records sent, R records/sec (…".
  const rate = Number(/records sent, ([\d.]+) records\/sec/.exec(output.trim().split('\n').at(-1) ?? '')?.[1]);
  return {
    amount: records * recordBytes,
    wallSeconds: records / rate,
    cpuSeconds: after.cpuSeconds - before.cpuSeconds,
    peakRssMb: after.peakRssMb,
  };
}

await inFolder(async (folder) => {
  const brokers = [
    await millrace(folder, 'Millrace, synced', 'default'),
    await millrace(folder, 'Millrace, unsynced', 'os'),
    ...(options.withPeers ? await kafka(folder) : []),
  ];
  try {
    for (const recordBytes of [100, 1024]) {
      console.log(`\nrecords of ${recordBytes} bytes\n`);
      const subjects: Subject[] = brokers.map((broker) => ({
        name: broker.name,
        run: () => produce(broker, recordBytes),
      }));
      await runRounds(subjects, { rounds: options.rounds, unit: 'MB', unitSize: 1e6 });
    }
  } finally {
    for (const broker of brokers) await broker.close();
  }
});
