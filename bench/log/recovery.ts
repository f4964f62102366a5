/** Seconds from the start of a broker that was killed while it wrote until it answers Metadata and ListOffsets of every partition. */

import { type ChildProcess, spawn } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { systemClock } from '../../core/base/clock.ts';
import { silentLogger } from '../../core/base/logger.ts';
import { nodeDisk } from '../../core/base/node-disk.ts';
import { connectCluster, latestOffset, listOffsets, openAdmin } from '../../core/client/index.ts';
import { startBroker } from '../../core/index.ts';
import { openLogs } from '../../core/log/log-manager.ts';
import type { PartitionLog } from '../../core/log/partition-log.ts';
import { BatchBuilder } from '../../core/protocol/batch-builder.ts';
import { describeMachine, formatTable } from '../measure.ts';

const { values: options } = parseArgs({
  options: {
    role: { type: 'string', default: 'measure' },
    dir: { type: 'string', default: '' },
    megabytes: { type: 'string', default: '10240' },
    partitions: { type: 'string', default: '1000' },
    topics: { type: 'string', default: '1' },
    rounds: { type: 'string', default: '3' },
  },
});
const partitionCount = Number(options.partitions);
const topicCount = Number(options.topics);
const batchBytes = 64 * 1024;
const fixed = { disk: nodeDisk, clock: systemClock, logger: silentLogger, durability: 'default' as const };
const topicName = (index: number) => `bench-${index}`;

/** A broker on a free port, which it prints. */
async function serve(dataDir: string): Promise<void> {
  const broker = await startBroker({ ...fixed, listen: { host: '127.0.0.1', port: 0 }, dataDir });
  console.log(broker.port);
  process.once('SIGTERM', async () => {
    await broker.close();
    // Listening to its parent would keep it.
    process.exit();
  });
}

function batch(sequence: number): Buffer {
  const value = Buffer.alloc(1000, 'x');
  const builder = new BatchBuilder({ initialBytes: batchBytes });
  while (builder.sizeBytes + 1100 < batchBytes) builder.append(value, 0, value.length, Date.now());
  return builder.build({ producer: { producerId: 1, producerEpoch: 0, baseSequence: sequence } });
}

/** Appends to the logs until they hold what is asked for, says so, and goes on until it is killed. */
async function fill(dataDir: string): Promise<void> {
  const logs = await openLogs({ ...fixed, dataDir });
  const partitions: PartitionLog[] = [];
  for (let topic = 0; topic < topicCount; topic += 1) {
    for (let index = 0; index < partitionCount; index += 1) partitions.push(logs.partition(topicName(topic), index)!);
  }
  const recordsPerBatch = batch(0).readInt32BE(57);
  const rounds = Math.max(1, Math.round((Number(options.megabytes) * 1024 * 1024) / batchBytes / partitions.length));
  for (let round = 0; ; round += 1) {
    if (round === rounds) console.log('filled');
    for (let first = 0; first < partitions.length; first += 50) {
      const results = await Promise.all(
        partitions
          .slice(first, first + 50)
          .map((log) => log.append(batch(round * recordsPerBatch), { acks: -1, origin: 'client' })),
      );
      for (const { errorCode, errorMessage } of results) if (errorCode !== 0) throw new Error(errorMessage);
    }
  }
}

function child(role: string, dataDir: string): { process: ChildProcess; line: Promise<string> } {
  const args = [import.meta.filename, ...process.argv.slice(2), '--role', role, '--dir', dataDir];
  const started = spawn(process.execPath, args, { stdio: ['pipe', 'pipe', 'inherit'] });
  const line = new Promise<string>((resolve, reject) => {
    started.stdout.once('data', (chunk: Buffer) => resolve(chunk.toString().trim()));
    started.once('exit', (code) => reject(new Error(`the ${role} process ended with ${code}`)));
  });
  return { process: started, line };
}

function exited(started: ChildProcess): Promise<void> {
  return new Promise((resolve) => started.once('exit', () => resolve()));
}

async function kill(started: ChildProcess, signal: 'SIGKILL' | 'SIGTERM'): Promise<void> {
  const gone = exited(started);
  started.kill(signal);
  await gone;
}

async function withCluster<T>(
  port: number,
  use: (cluster: ReturnType<typeof connectCluster>) => Promise<T>,
): Promise<T> {
  const bootstrapServers = [`127.0.0.1:${port}`];
  const cluster = connectCluster({ bootstrapServers, clock: systemClock, logger: silentLogger, clientId: 'bench' });
  try {
    return await use(cluster);
  } finally {
    await cluster.close();
  }
}

async function createTopics(dataDir: string): Promise<void> {
  const broker = child('serve', dataDir);
  await withCluster(Number(await broker.line), async (cluster) => {
    const admin = openAdmin(cluster);
    const specs = Array.from({ length: topicCount }, (_, index) => ({
      topic: topicName(index),
      partitions: partitionCount,
    }));
    for (let first = 0; first < specs.length; first += 500) await admin.ensureTopics(specs.slice(first, first + 500));
    await admin.close();
  });
  await kill(broker.process, 'SIGTERM');
}

interface Start {
  readonly listeningSeconds: number;
  readonly answeredSeconds: number;
}

async function measureStart(
  dataDir: string,
): Promise<Start & { readonly stop: (signal: 'SIGKILL' | 'SIGTERM') => Promise<void> }> {
  const startMs = performance.now();
  const seconds = () => (performance.now() - startMs) / 1000;
  const broker = child('serve', dataDir);
  const port = Number(await broker.line);
  const listeningSeconds = seconds();
  const queries = Array.from({ length: topicCount * partitionCount }, (_, index) => ({
    topic: topicName(Math.floor(index / partitionCount)),
    partition: index % partitionCount,
    timestampMs: latestOffset,
  }));
  await withCluster(port, (cluster) => listOffsets(cluster, queries));
  return { listeningSeconds, answeredSeconds: seconds(), stop: (signal) => kill(broker.process, signal) };
}

async function measure(): Promise<void> {
  const dataDir = options.dir || fs.mkdtempSync(path.join(os.tmpdir(), 'millrace-bench-'));
  const rows: string[][] = [];
  const row = (what: string, { listeningSeconds, answeredSeconds }: Start) =>
    rows.push([what, listeningSeconds.toFixed(2), answeredSeconds.toFixed(2)]);
  try {
    await createTopics(dataDir);
    for (let round = 0; round < Number(options.rounds); round += 1) {
      const filler = child('fill', dataDir);
      await filler.line;
      await kill(filler.process, 'SIGKILL');
      const afterKill = await measureStart(dataDir);
      row('killed while writing', afterKill);
      await afterKill.stop('SIGTERM');
      const afterStop = await measureStart(dataDir);
      row('stopped cleanly', afterStop);
      await afterStop.stop('SIGTERM');
      if (Number(options.rounds) > round + 1) fs.rmSync(dataDir, { recursive: true });
      if (Number(options.rounds) > round + 1) await createTopics(dataDir);
    }
  } finally {
    fs.rmSync(dataDir, { recursive: true, force: true });
  }
  console.log(`${describeMachine()}\n`);
  console.log(
    `${topicCount} topics of ${partitionCount} partitions, ${options.megabytes} MB; seconds from the start:\n`,
  );
  console.log(formatTable(['before', 'port open', 'all offsets answered'], rows));
}

// A part of the measurement does not outlive it.
if (options.role !== 'measure') {
  process.stdin.on('end', () => process.exit()).resume();
}

if (options.role === 'serve') await serve(options.dir);
else if (options.role === 'fill') await fill(options.dir);
else await measure();
