/**
 * The S3 endpoint misbehaves while services write: 503 to everything, half of the connections reset, completes that answer 200
 * with an error inside, and nobody there at all. Nothing may be lost or doubled, no task may die, memory stays in bounds.
 *
 *   node test/crash/endpoint-faults.ts --scale 1        (the whole six and a half minutes and more)
 */

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { sampleProcess } from '../../bench/measure.ts';
import { folderBacking } from '../s3-server/backing.ts';
import type { FaultRule } from '../s3-server/faults.ts';
import { S3Server } from '../s3-server/server.ts';
import { LogWriter } from './log-writer.ts';
import { type MillraceChild, startMillrace } from './millrace-child.ts';
import { seededRandom } from './random.ts';
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

export interface EndpointFaultsOptions {
  /** Of the full times: a minute of 503, a minute of resets, a minute of bad completes, five minutes of nobody there. */
  readonly scale: number;
  readonly seed: number;
  readonly onProgress?: (text: string) => void;
}

export interface EndpointFaultsReport extends Conservation {
  /** Times a task was seen in another state than running. */
  readonly taskFailures: number;
  readonly peakRssMb: number;
  /** What the server did wrong, by kind. */
  readonly faults: Readonly<Record<string, number>>;
}

interface Phase {
  readonly name: string;
  readonly seconds: number;
  readonly rules: readonly FaultRule[];
  readonly isGone?: boolean;
}

const phases: readonly Phase[] = [
  { name: 'healthy', seconds: 10, rules: [] },
  { name: '503 to everything', seconds: 60, rules: [{ effect: { kind: 'error', status: 503, code: 'SlowDown' } }] },
  { name: 'half of the connections reset', seconds: 60, rules: [{ rate: 0.5, effect: { kind: 'reset' } }] },
  {
    name: 'completes answer 200 with an error inside',
    seconds: 60,
    rules: [{ operations: ['CompleteMultipartUpload'], effect: { kind: 'error-body', code: 'InternalError' } }],
  },
  {
    name: 'answers lost after the work was done',
    seconds: 30,
    rules: [{ rate: 0.5, effect: { kind: 'lose-answer' } }],
  },
  { name: 'nobody there', seconds: 300, rules: [], isGone: true },
  { name: 'healthy again', seconds: 20, rules: [] },
];

const writeEveryMs = 20;
const lookEveryMs = 200;
const longestPhaseMs = 400_000;

export async function runEndpointFaults(options: EndpointFaultsOptions): Promise<EndpointFaultsReport> {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-endpoint-'));
  const keys = new Map([[credentials.accessKeyId, credentials.secretAccessKey]]);
  const s3 = await S3Server.start({
    backing: folderBacking(join(folder, 's3')),
    buckets: [bucket],
    keys,
    seed: options.seed,
  });
  try {
    return await run(options, { folder, endpoint: s3.url }, s3);
  } finally {
    await s3.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

async function run(options: EndpointFaultsOptions, scenario: Scenario, s3: S3Server): Promise<EndpointFaultsReport> {
  const random = seededRandom(options.seed);
  const services = new LogWriter({ folder: logFolder(scenario), serviceCount: 8, random, linesPerWrite: 200 });
  const args = prepare(scenario);
  const { rest, args: addresses } = await freeAddresses();
  const child = startMillrace([...args, ...addresses]);
  const writing = setInterval(() => services.step(), writeEveryMs);
  const watch = watchTasks(child, rest);
  try {
    await child.waitFor(/pipeline /);
    for (const phase of phases) await live(phase, s3, options);
  } finally {
    clearInterval(writing);
    watch.stop();
    child.process.kill('SIGTERM');
  }
  const drained = await child.ended;
  if (drained !== 0) throw new Error(`the drain ended with ${drained}:\n${child.output()}`);
  const last = startMillrace([...args, ...addresses, '--once']);
  const ended = await last.ended;
  if (ended !== 0) throw new Error(`the last run ended with ${ended}:\n${last.output()}`);
  const { taskFailures, peakRssMb } = watch;
  return {
    taskFailures,
    peakRssMb,
    faults: Object.fromEntries(s3.faults.counts),
    ...(await checkConservation(scenario, services.counts)),
  };
}

async function live(
  { name, seconds, rules, isGone = false }: Phase,
  s3: S3Server,
  options: EndpointFaultsOptions,
): Promise<void> {
  options.onProgress?.(`${name} for ${seconds * options.scale} s`);
  s3.faults.clear();
  s3.faults.add(...rules);
  if (isGone) await s3.disappear();
  const happened = () => [...s3.faults.counts.values()].reduce((sum, count) => sum + count, 0);
  const before = happened();
  const deadlineMs = Date.now() + longestPhaseMs;
  await new Promise((resolve) => setTimeout(resolve, seconds * options.scale * 1000));
  // A short phase may pass between two requests: it lasts until it did harm.
  while (rules.length > 0 && happened() === before && Date.now() < deadlineMs) {
    await new Promise((resolve) => setTimeout(resolve, lookEveryMs));
  }
  if (isGone) await s3.reappear();
}

interface TaskWatch {
  taskFailures: number;
  peakRssMb: number;
  stop(): void;
}

/** Looks at every task over REST, and at the memory of the process, until it is stopped. */
function watchTasks(child: MillraceChild, rest: string): TaskWatch {
  const look = async () => {
    if (child.process.pid === undefined || child.process.exitCode !== null) return;
    watch.peakRssMb = Math.max(watch.peakRssMb, sampleProcess(child.process.pid).peakRssMb);
    const response = await fetch(`http://${rest}/connectors?expand=status`);
    const body = (await response.json()) as Record<string, { status: { tasks: { state: string }[] } }>;
    const states = Object.values(body).flatMap(({ status }) => status.tasks.map(({ state }) => state));
    watch.taskFailures += states.filter((state) => state === 'FAILED').length;
  };
  const interval = setInterval(() => {
    look().catch(() => {
      // Not listening yet, or no longer: the run itself fails when that is wrong.
    });
  }, lookEveryMs);
  const watch: TaskWatch = { taskFailures: 0, peakRssMb: 0, stop: () => clearInterval(interval) };
  return watch;
}

if (import.meta.main) {
  const { values } = parseArgs({
    options: { scale: { type: 'string', default: '1' }, seed: { type: 'string', default: '1' } },
  });
  const report = await runEndpointFaults({
    scale: Number(values.scale),
    seed: Number(values.seed),
    onProgress: (text) => console.log(text),
  });
  console.log(JSON.stringify(report, null, 2));
  process.exitCode = isKept(report) && report.taskFailures === 0 && report.target.duplicates === 0 ? 0 : 1;
}
