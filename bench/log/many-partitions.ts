/** How long it takes until one batch of 1 KB in each of 1 to 1,000 partitions is durable, with the write-ahead log and without. */

import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { systemClock } from '../../core/base/clock.ts';
import { silentLogger } from '../../core/base/logger.ts';
import { nodeDisk } from '../../core/base/node-disk.ts';
import { defaultLogConfig } from '../../core/log/log-config.ts';
import { type Logs, openLogs } from '../../core/log/log-manager.ts';
import { BatchBuilder } from '../../core/protocol/batch-builder.ts';
import { describeMachine, formatTable, spreadOf } from '../measure.ts';

const counts = [1, 10, 100, 1000] as const;
const rounds = Number(process.argv[2] ?? 60);
const warmUp = 5;

function batchOf1Kb(): Buffer {
  const value = Buffer.alloc(950, 'x');
  const builder = new BatchBuilder({ initialBytes: 2048 });
  builder.append(value, 0, value.length, Date.now());
  return builder.build();
}

async function commitAll(logs: Logs, batches: readonly Buffer[]): Promise<number> {
  const startMs = performance.now();
  const results = await Promise.all(
    batches.map((batch, partition) =>
      logs.partition('bench', partition)!.append(batch, { acks: -1, origin: 'client' }),
    ),
  );
  for (const { errorCode, errorMessage } of results) if (errorCode !== 0) throw new Error(errorMessage);
  return performance.now() - startMs;
}

async function measure(walFileBytes: number): Promise<Map<number, number[]>> {
  const dataDir = fs.mkdtempSync(path.join(os.tmpdir(), 'millrace-bench-'));
  try {
    const fixed = { disk: nodeDisk, clock: systemClock, logger: silentLogger, durability: 'default' as const };
    const logs = await openLogs({ ...fixed, dataDir, walFileBytes });
    for (let partition = 0; partition < 1000; partition += 1) {
      await logs.createPartition({ topic: 'bench', partition, topicId: 'bench', config: defaultLogConfig });
    }
    const batches = Array.from({ length: 1000 }, batchOf1Kb);
    // The first append of each partition writes its leader epoch, and the write-ahead log is made.
    for (let round = 0; round < warmUp; round += 1) await commitAll(logs, batches);
    const times = new Map<number, number[]>(counts.map((count) => [count, []]));
    for (let round = 0; round < rounds; round += 1) {
      for (const count of counts) times.get(count)!.push(await commitAll(logs, batches.slice(0, count)));
    }
    await logs.close();
    return times;
  } finally {
    fs.rmSync(dataDir, { recursive: true });
  }
}

const without = await measure(0);
const withWal = await measure(32 * 1024 * 1024);
const cell = (times: readonly number[]) => {
  const { median } = spreadOf(times);
  const slow = [...times].sort((a, b) => a - b)[Math.floor(times.length * 0.9)]!;
  return `${median.toFixed(2)} (${slow.toFixed(2)})`;
};
console.log(`${describeMachine()}\n\nMilliseconds until all are answered, median (90 %) of ${rounds} commits:\n`);
console.log(
  formatTable(
    ['partitions', 'each synced by itself', 'write-ahead log'],
    counts.map((count) => [String(count), cell(without.get(count)!), cell(withWal.get(count)!)]),
  ),
);
