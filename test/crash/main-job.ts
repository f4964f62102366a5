/**
 * The main job under fire: services append and rotate logs while the process that ships them is killed again and again;
 * then it runs to its end, and every line is looked for in topic and target.
 *
 *   node test/crash/main-job.ts --kills 100 --files 40 --bytes 4000000000 --store s3 --seed 7
 */

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { lineBytes } from './lines.ts';
import { LogWriter } from './log-writer.ts';
import { startMillrace } from './millrace-child.ts';
import { seededRandom } from './random.ts';
import { startS3 } from './s3-child.ts';
import {
  bucket,
  type Conservation,
  checkConservation,
  credentials,
  freeAddresses,
  isKept,
  logFolder,
  prepare,
  type Scenario,
} from './scenario.ts';

export interface MainJobOptions {
  readonly kills: number;
  readonly files: number;
  /** Of log lines before the first start; the services go on writing until the last kill. */
  readonly bytes: number;
  readonly store: 's3' | 'local';
  readonly seed: number;
  /** The longest time from one start to its kill. */
  readonly longestRunMs?: number;
  /** Leaves logs, data directory and target behind, to look at. */
  readonly keep?: boolean;
  readonly onProgress?: (text: string) => void;
}

export interface MainJobReport extends Conservation {
  readonly kills: number;
  /** What the last run, the one to the end, printed. */
  readonly lastOutput: string;
}

const shortestRunMs = 300;
const writeEveryMs = 20;
const linesPerAppend = 10_000;

export async function runMainJob(options: MainJobOptions): Promise<MainJobReport> {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-main-job-'));
  const s3 = options.store === 's3' ? await startS3({ folder: join(folder, 's3'), bucket, credentials }) : undefined;
  try {
    return await run(options, { folder, endpoint: s3?.endpoint });
  } finally {
    await s3?.stop();
    if (options.keep === true) options.onProgress?.(`kept ${folder}`);
    else rmSync(folder, { recursive: true, force: true });
  }
}

async function run(options: MainJobOptions, scenario: Scenario): Promise<MainJobReport> {
  const random = seededRandom(options.seed);
  const services = new LogWriter({
    folder: logFolder(scenario),
    serviceCount: options.files,
    random,
    linesPerWrite: 20,
  });
  const linesPerFile = Math.ceil(options.bytes / lineBytes / options.files);
  for (let index = 0; index < options.files; index += 1) {
    for (let left = linesPerFile; left > 0; left -= linesPerAppend)
      services.append(index, Math.min(left, linesPerAppend));
  }
  const args = prepare(scenario);
  const writing = setInterval(() => services.step(), writeEveryMs);
  try {
    await killAgainAndAgain(options, args, random);
  } finally {
    clearInterval(writing);
  }
  const last = startMillrace([...args, ...(await freeAddresses()).args, '--once']);
  const ended = await last.ended;
  if (ended !== 0) throw new Error(`the last run ended with ${ended}:\n${last.output()}`);
  const lastOutput = last.output().trim();
  options.onProgress?.(`last run: ${lastOutput}`);
  return { kills: options.kills, lastOutput, ...(await checkConservation(scenario, services.counts)) };
}

async function killAgainAndAgain(
  options: MainJobOptions,
  args: readonly string[],
  random: () => number,
): Promise<void> {
  const span = (options.longestRunMs ?? 4_000) - shortestRunMs;
  for (let kill = 1; kill <= options.kills; kill += 1) {
    const child = startMillrace([...args, ...(await freeAddresses()).args]);
    await Promise.race([new Promise((resolve) => setTimeout(resolve, shortestRunMs + random() * span)), child.ended]);
    if (child.process.exitCode !== null)
      throw new Error(`ended by itself with ${child.process.exitCode}:\n${child.output()}`);
    await child.kill();
    options.onProgress?.(`kill ${kill} of ${options.kills}`);
  }
}

if (import.meta.main) {
  const { values } = parseArgs({
    options: {
      kills: { type: 'string', default: '100' },
      files: { type: 'string', default: '40' },
      bytes: { type: 'string', default: '400000000' },
      store: { type: 'string', default: 's3' },
      seed: { type: 'string', default: String(Date.now() % 1_000_000) },
      keep: { type: 'boolean', default: false },
    },
  });
  console.log(`seed ${values.seed}`);
  const report = await runMainJob({
    kills: Number(values.kills),
    files: Number(values.files),
    bytes: Number(values.bytes),
    store: values.store === 'local' ? 'local' : 's3',
    seed: Number(values.seed),
    keep: values.keep,
    onProgress: (text) => console.log(text),
  });
  console.log(JSON.stringify(report, null, 2));
  process.exitCode = isKept(report) ? 0 : 1;
}
