/**
 * Produce and consume: our client and kafkajs against the same embedded broker, taking turns.
 * `npm run bench -- client [--rounds 5] [--scale 1] [--durability default]`; our client runs twice a round, which shows the noise.
 */

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { systemClock } from '../../core/base/clock.ts';
import { silentLogger } from '../../core/base/logger.ts';
import { connectCluster, listOffsets, openAdmin } from '../../core/client/index.ts';
import { formatSpread, formatTable, measureCommand, sampleProcess, spreadOf } from '../measure.ts';
import type { LoadResult } from './load.ts';

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    scale: { type: 'string', default: '1' },
    durability: { type: 'string', default: 'default' },
  },
});
const rounds = Number(values.rounds);
const scale = Number(values.scale);

interface Case {
  readonly client: 'millrace' | 'kafkajs';
  readonly line: string;
  readonly recordBytes: number;
  readonly records: number;
}

interface Sample extends LoadResult {
  readonly brokerCpuSeconds: number;
}

/** Runs of about a second or two each; the slow client gets fewer records. */
const cases: readonly Case[] = [100, 1024].flatMap((recordBytes) => {
  const small = recordBytes === 100;
  return [
    { client: 'millrace', line: 'millrace', recordBytes, records: small ? 2_000_000 : 400_000 },
    { client: 'kafkajs', line: 'kafkajs', recordBytes, records: small ? 200_000 : 60_000 },
    { client: 'millrace', line: 'millrace again', recordBytes, records: small ? 2_000_000 : 400_000 },
  ] as const;
});

async function main(): Promise<void> {
  const broker = spawn(process.execPath, [join(import.meta.dirname, 'broker.ts'), values.durability], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [port] = (await once(broker.stdout, 'data')) as [Buffer];
  const address = `127.0.0.1:${Number(String(port))}`;
  const cluster = connectCluster({
    bootstrapServers: [address],
    clientId: 'bench',
    clock: systemClock,
    logger: silentLogger,
  });
  const admin = openAdmin(cluster);
  const samples = new Map<string, Sample[]>();
  for (let round = 0; round < rounds; round++) {
    for (const [index, one] of cases.entries()) {
      const topic = `bench-${round}-${index}`;
      const records = Math.round(one.records * scale);
      await admin.ensureTopics([{ topic, partitions: 1 }]);
      for (const work of ['produce', 'consume']) {
        const sample = await runOnce(one, work, { address, topic, records, brokerPid: broker.pid! });
        const key = keyOf(work, one);
        samples.set(key, [...(samples.get(key) ?? []), sample]);
        if (work === 'produce') await check(cluster, topic, records, one);
      }
      await admin.deleteTopics([topic]);
    }
  }
  await admin.close();
  cluster.close();
  broker.kill('SIGTERM');
  await once(broker, 'exit');
  report(samples);
}

function keyOf(work: string, { recordBytes, line }: Case): string {
  return `${work} ${recordBytes} ${line}`;
}

async function runOnce(
  { client, recordBytes }: Case,
  work: string,
  { address, topic, records, brokerPid }: { address: string; topic: string; records: number; brokerPid: number },
): Promise<Sample> {
  const before = sampleProcess(brokerPid).cpuSeconds;
  const args = [
    join(import.meta.dirname, 'load.ts'),
    client,
    work,
    address,
    topic,
    String(records),
    String(recordBytes),
  ];
  const { output } = await measureCommand(process.execPath, args, { NODE_NO_WARNINGS: '1' });
  const result = JSON.parse(output.trim().split('\n').at(-1)!) as LoadResult;
  return { ...result, brokerCpuSeconds: sampleProcess(brokerPid).cpuSeconds - before };
}

/** The warm-up send is stored too. */
async function check(
  cluster: ReturnType<typeof connectCluster>,
  topic: string,
  records: number,
  { recordBytes }: Case,
): Promise<void> {
  const [end] = await listOffsets(cluster, [{ topic, partition: 0, timestampMs: -1 }]);
  const expected = records + Math.min(1000, Math.floor(500_000 / recordBytes));
  if (end!.offset !== expected) throw new Error(`${end!.offset} of ${expected} records are in ${topic}`);
}

function report(samples: ReadonlyMap<string, readonly Sample[]>): void {
  const rows = ['produce', 'consume'].flatMap((work) =>
    cases.map((one) => {
      const runs = samples.get(keyOf(work, one))!;
      const rates = runs.map(({ records, wallSeconds }) => records / wallSeconds / 1000);
      const base = samples
        .get(`${work} ${one.recordBytes} kafkajs`)!
        .map((run) => run.records / run.wallSeconds / 1000);
      const baseCpu = samples.get(`${work} ${one.recordBytes} kafkajs`)!.map((run) => run.records / run.cpuSeconds);
      const perCpu = runs.map(({ records, cpuSeconds }) => records / cpuSeconds);
      return [
        `${work} ${one.recordBytes} B`,
        one.line,
        formatSpread(rates),
        `${(spreadOf(rates).median / spreadOf(base).median).toFixed(1)}×`,
        formatSpread(perCpu.map((rate) => rate / 1000)),
        `${(spreadOf(perCpu).median / spreadOf(baseCpu).median).toFixed(1)}×`,
        formatSpread(runs.map(({ brokerCpuSeconds, records }) => (brokerCpuSeconds / records) * 1e6)),
        formatSpread(runs.map(({ peakRssMb }) => peakRssMb)),
      ];
    }),
  );
  const header = [
    'work',
    'client',
    'k records/s',
    'ratio',
    'k records per client CPU-second',
    'ratio',
    'broker CPU µs/record',
    'client peak MB',
  ];
  console.log(formatTable(header, rows));
}

await main();
