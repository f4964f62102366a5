/**
 * What following many idle files costs: time to start, CPU of a core while nothing happens, memory, and the time from
 * an append to the poll that brings it. `node bench/file-source/idle.ts [files] [never|auto]`.
 */

import { appendFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { SourcePosition } from '../../connectors/contract/source.ts';
import { connector } from '../../connectors/file-source/index.ts';
import { systemClock } from '../../core/base/clock.ts';
import { silentLogger } from '../../core/base/logger.ts';
import { lineByLine } from '../../workers/task-thread/line-by-line.ts';

const fileCount = Number(process.argv[2] ?? 10_000);
const watch = process.argv[3] ?? 'auto';
const filesPerFolder = 1000;
const idleMs = 30_000;

const folder = mkdtempSync(path.join(tmpdir(), 'bench-file-idle-'));
const stored = new Map<string, SourcePosition>();
let recordCount = 0;

async function open(storedPositions: readonly SourcePosition[]) {
  const task = connector.createTask();
  const gauges: Record<string, number> = {};
  await task.open({
    connector: 'bench',
    taskIndex: 0,
    settings: { name: 'bench', 'connector.class': 'file', topic: 'bench', paths: `${folder}/**/*.log`, watch },
    storedPositions,
    once: false,
    marksTransactions: false,
    clock: systemClock,
    logger: silentLogger,
    gauges: {
      add() {},
      set(name, value) {
        gauges[name] = value;
      },
    },
  });
  return { task, gauges };
}

const count = () => void recordCount++;
const output = {
  roomBytes: 2 ** 22,
  partition: () => ({
    append: count,
    appendLines: lineByLine(count),
    appendKeyed: () => undefined,
    appendRecord: count,
  }),
  position: (partition: SourcePosition['partition'], offset: SourcePosition['offset']) =>
    void stored.set(JSON.stringify(partition), { partition, offset }),
  transactionEnds() {},
  busy: undefined,
};
const { signal } = new AbortController();

async function readAll(): Promise<void> {
  const startedMs = performance.now();
  const { task } = await open([]);
  while (recordCount < fileCount) await task.poll(output, signal);
  console.log(`first run: ${fileCount} files read in ${((performance.now() - startedMs) / 1000).toFixed(1)} s`);
  await task.close();
}

try {
  for (let i = 0; i < fileCount; i++) {
    const inside = path.join(folder, `d${Math.floor(i / filesPerFolder)}`);
    if (i % filesPerFolder === 0) mkdirSync(inside);
    writeFileSync(
      path.join(inside, `${i}.log`),
      `${i} first line of this file, long enough to be told from the others\n`,
    );
  }
  await readAll();
  const startedMs = performance.now();
  const second = await open([...stored.values()]);
  while (second.gauges['files_done'] !== fileCount) await second.task.poll(output, signal);
  console.log(`restart: all recognised in ${((performance.now() - startedMs) / 1000).toFixed(1)} s`);
  await second.task.poll(output, AbortSignal.timeout(15_000));
  const cpu = process.cpuUsage();
  for (const endsAtMs = performance.now() + idleMs; performance.now() < endsAtMs; )
    await second.task.poll(output, signal);
  const { user, system } = process.cpuUsage(cpu);
  globalThis.gc?.();
  const rss = Math.round(process.memoryUsage.rss() / 2 ** 20);
  console.log(
    `idle: ${((user + system) / idleMs / 10).toFixed(1)} % of a core, ${rss} MiB RSS, watching ${second.gauges['watching']}`,
  );

  const latencies: number[] = [];
  for (let i = 0; i < 200; i++) {
    const before = recordCount;
    const polling = second.task.poll(output, signal);
    await systemClock.sleep(5 + (i % 20));
    const appendedMs = performance.now();
    appendFileSync(path.join(folder, 'd0', '7.log'), 'one more line\n');
    await polling;
    while (recordCount === before) await second.task.poll(output, signal);
    latencies.push(performance.now() - appendedMs);
  }
  latencies.sort((one, other) => one - other);
  console.log(`append to poll: ${latencies[100]!.toFixed(1)} ms median, ${latencies[197]!.toFixed(1)} ms p99`);
  await second.task.close();
} finally {
  rmSync(folder, { recursive: true, force: true });
}
