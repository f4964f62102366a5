/**
 * How long a person waits from the start of the command to the first object, in a folder and in S3, with everything
 * embedded and nothing there before: `node bench/main-job/first-object.ts [--rounds 10]`.
 */

import { existsSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describeMachine, formatSpread, formatTable, sampleProcess } from '../measure.ts';
import { makeInput } from './input.ts';
import { pipelineFile, startFollowing } from './millrace.ts';
import { benchOptions, inFolder } from './options.ts';
import { s3SinkLines, startS3Target } from './s3-target.ts';

const options = benchOptions({ rounds: 10, megabytes: 0 });
const lines = 100;
const lookEveryMs = 5;
const longestWaitMs = 60_000;

interface Start {
  readonly seconds: number;
  readonly cpuSeconds: number;
}

/** From exec until `isThere`, then the command is stopped. */
async function measureStart(folder: string, sink: readonly string[], isThere: () => Promise<boolean>): Promise<Start> {
  const dataDir = join(folder, 'data');
  rmSync(dataDir, { recursive: true, force: true });
  const pipeline = pipelineFile(folder, 'first', [
    'source:',
    '  connector: file',
    `  paths: ${join(folder, 'logs')}/*.log`,
    ...sink,
  ]);
  const started = performance.now();
  const child = startFollowing({ pipeline, dataDir });
  try {
    while (!(await isThere())) {
      const waitedMs = performance.now() - started;
      if (child.process.exitCode !== null || waitedMs > longestWaitMs) throw new Error(child.output());
      await sleep(lookEveryMs);
    }
    const seconds = (performance.now() - started) / 1000;
    return { seconds, cpuSeconds: sampleProcess(child.process.pid ?? -1).cpuSeconds };
  } finally {
    child.process.kill('SIGTERM');
    await child.ended;
  }
}

async function intoFolder(folder: string): Promise<Start> {
  const target = join(folder, 'target');
  rmSync(target, { recursive: true, force: true });
  const sink = ['sinks:', '  - connector: s3', `    store.url: file:${target}`, '    format: text', rotation];
  return measureStart(folder, sink, async () => existsSync(target) && hasFile(target));
}

/** Every line is in the first object, so nothing waits for a rotation by time. */
const rotation = `    flush.size: ${lines}`;

function hasFile(target: string): boolean {
  return readdirSync(target, { recursive: true, encoding: 'utf8' }).some((name) => /\+\d+\.txt$/.test(name));
}

async function intoS3(folder: string): Promise<Start> {
  const target = await startS3Target(folder);
  try {
    const sink = [...s3SinkLines(target.endpoint, ['format: text']), rotation];
    return await measureStart(folder, sink, () => target.hasObject());
  } finally {
    await target.stop();
    rmSync(join(folder, 's3'), { recursive: true, force: true });
  }
}

await inFolder(async (folder) => {
  makeInput({ folder: join(folder, 'logs'), kind: 'access', fileCount: 1, linesPerFile: lines });
  const subjects = [
    { name: 'into a folder', run: intoFolder },
    { name: 'into S3', run: intoS3 },
  ];
  const results = new Map<string, Start[]>(subjects.map(({ name }) => [name, []]));
  for (let round = 0; round <= options.rounds; round += 1) {
    for (const { name, run } of subjects) {
      const start = await run(folder);
      if (round > 0) results.get(name)?.push(start);
      console.error(`${round === 0 ? 'warm-up' : `round ${round}`}  ${name}: ${start.seconds.toFixed(2)} s`);
    }
  }
  console.log(`${describeMachine()}\n`);
  const rows = [...results].map(([name, starts]) => [
    name,
    formatSpread(starts.map(({ seconds }) => seconds)),
    formatSpread(starts.map(({ cpuSeconds }) => cpuSeconds)),
  ]);
  console.log(formatTable(['start to first object', 'seconds', 'CPU-s until then'], rows));
});
