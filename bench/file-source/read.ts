/**
 * How many bytes of access log the file source turns into record batches per CPU-second, alone in this process:
 * `node bench/file-source/read.ts [MiB] [files]`. The lines are counted at the far end; the first round is discarded.
 */

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { RecordAppender, SourceOutput } from '../../connectors/contract/source.ts';
import { connector } from '../../connectors/file-source/index.ts';
import { systemClock } from '../../core/base/clock.ts';
import { silentLogger } from '../../core/base/logger.ts';
import { BatchBuilder } from '../../core/protocol/batch-builder.ts';

const totalMiB = Number(process.argv[2] ?? 512);
const fileCount = Number(process.argv[3] ?? 4);
const rounds = 6;
const partitionCount = 4;
const roomPerPoll = 4 * 2 ** 20;

/** Batches of one poll, one builder per partition; built when the poll is over and then forgotten. */
class BatchOutput implements SourceOutput {
  readonly #builders = Array.from({ length: partitionCount }, () => new BatchBuilder({ initialBytes: 2 ** 20 }));
  readonly busy = undefined;
  batchBytes = 0;
  recordCount = 0;

  get roomBytes(): number {
    let used = 0;
    for (const builder of this.#builders) used += builder.sizeBytes;
    return roomPerPoll - used;
  }

  partition(_topic: string, spread: number): RecordAppender {
    return this.#builders[spread % partitionCount]!;
  }

  position(): void {}

  transactionEnds(): void {}

  build(): void {
    for (const builder of this.#builders) {
      if (builder.count === 0) continue;
      this.recordCount += builder.count;
      this.batchBytes += builder.build().length;
    }
  }
}

function writeLogs(folder: string): number {
  const line = (i: number) =>
    `${`10.${i % 256}.${i % 7}.${i % 13} - - [20/Nov/2026:12:00:00 +0000] "GET /shop/item/${i} HTTP/1.1" 200 ${i % 9999} "https://example.org/start" "Mozilla/5.0 (X11; Linux x86_64)"`.padEnd(233, '.')}\n`;
  const perFile = Math.floor((totalMiB * 2 ** 20) / fileCount / 234);
  const block = Array.from({ length: 10_000 }, (_, i) => line(i)).join('');
  const blocks = Math.ceil(perFile / 10_000);
  for (let file = 0; file < fileCount; file++) {
    const name = path.join(folder, `access-${file}.log`);
    writeFileSync(name, `file ${file}\n`);
    for (let i = 0; i < blocks; i++) writeFileSync(name, block, { flag: 'a' });
  }
  return fileCount * (blocks * 10_000 + 1);
}

async function round(folder: string, lineCount: number): Promise<number> {
  const task = connector.createTask();
  const output = new BatchOutput();
  const settings = { name: 'bench', 'connector.class': 'file', topic: 'bench', paths: `${folder}/*.log` };
  const cpu = process.cpuUsage();
  const startedMs = performance.now();
  await task.open({
    connector: 'bench',
    taskIndex: 0,
    settings,
    storedPositions: [],
    once: true,
    marksTransactions: false,
    clock: systemClock,
    logger: silentLogger,
    gauges: { add() {}, set() {} },
  });
  const { signal } = new AbortController();
  for (let end = 'more'; end === 'more'; ) {
    end = await task.poll(output, signal);
    output.build();
  }
  await task.close();
  const { user, system } = process.cpuUsage(cpu);
  const seconds = (performance.now() - startedMs) / 1000;
  const megabytes = (lineCount * 234) / 1e6;
  const perCpuSecond = megabytes / ((user + system) / 1e6);
  if (output.recordCount !== lineCount) throw new Error(`${output.recordCount} records for ${lineCount} lines`);
  const rss = Math.round(process.memoryUsage.rss() / 2 ** 20);
  console.log(
    `${perCpuSecond.toFixed(0)} MB per CPU-second, ${(megabytes / seconds).toFixed(0)} MB/s, ${output.recordCount} records, ${rss} MiB RSS`,
  );
  return perCpuSecond;
}

const folder = mkdtempSync(path.join(tmpdir(), 'bench-file-source-'));
try {
  const lineCount = writeLogs(folder);
  const results: number[] = [];
  for (let i = 0; i < rounds; i++) results.push(await round(folder, lineCount));
  const sorted = results.slice(1).sort((one, other) => one - other);
  const median = sorted[Math.floor(sorted.length / 2)]!;
  const spread = ((sorted.at(-1)! - sorted[0]!) / median) * 100;
  console.log(`median ${median.toFixed(0)} MB per CPU-second, spread ${spread.toFixed(0)} %`);
} finally {
  rmSync(folder, { recursive: true, force: true });
}
