/**
 * The main job under fire: services append and rotate logs while what ships them is killed again and again, as a whole,
 * a thread, or a broker alone; then it runs to its end, and every line is looked for in topic and target: exactly once.
 *
 *   node test/crash/main-job.ts --kills 100 --files 40 --bytes 4000000000 --store s3 --broker apart --seed 7
 *
 * `--broker` is `within` the process that is killed, `apart` from it, or `kafka`: three brokers of Apache Kafka.
 */

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { freePort } from '../free-port.ts';
import { type Brokers, brokerApart, brokerWithin } from './brokers.ts';
import { lineBytes } from './lines.ts';
import { LogWriter } from './log-writer.ts';
import { type MillraceChild, startMillrace } from './millrace-child.ts';
import { seededRandom } from './random.ts';
import { startS3 } from './s3-child.ts';
import {
  bucket,
  type Conservation,
  checkConservation,
  credentials,
  isKept,
  logFolder,
  preparePipeline,
  type Scenario,
  topic,
} from './scenario.ts';

export interface MainJobOptions {
  readonly kills: number;
  readonly files: number;
  /** Of log lines before the first start; the services go on writing until the last kill. */
  readonly bytes: number;
  readonly store: 's3' | 'local';
  readonly seed: number;
  /** Where the brokers are; `within` the process that is killed unless told. */
  readonly brokers?: 'within' | 'apart' | ((folder: string) => Promise<Brokers>);
  /** The longest time from one start to its kill. */
  readonly longestRunMs?: number;
  /** Leaves logs, data directory and target behind, to look at. */
  readonly keep?: boolean;
  readonly onProgress?: (text: string) => void;
}

export interface MainJobReport extends Conservation {
  /** What was killed, and how often. */
  readonly kills: Readonly<Record<Victim, number>>;
  /** What the last run, the one to the end, printed. */
  readonly lastOutput: string;
}

type Victim = 'process' | 'thread' | 'broker';

const threadKiller = { NODE_OPTIONS: `--import=${new URL('./thread-killer.ts', import.meta.url).href}` };

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
  const args = preparePipeline(scenario);
  const brokers = await openBrokers(options.brokers ?? 'within', scenario.folder);
  const start = async (more: readonly string[] = []) => {
    const rest = ['--rest', `127.0.0.1:${await freePort()}`];
    return startMillrace([...args, ...(await brokers.upArgs()), ...rest, ...more], threadKiller);
  };
  try {
    const writing = setInterval(() => services.step(), writeEveryMs);
    const kills = await killAgainAndAgain(options, brokers, start, random).finally(() => clearInterval(writing));
    const last = await start(['--once']);
    const ended = await last.ended;
    if (ended !== 0) throw new Error(`the last run ended with ${ended}:\n${last.output()}`);
    const lastOutput = last.output().trim();
    options.onProgress?.(`last run: ${lastOutput}`);
    const read = (onValue: (value: Buffer) => void) => brokers.readTopic(topic, onValue);
    return { kills, lastOutput, ...(await checkConservation(scenario, services.counts, read)) };
  } finally {
    await brokers.close();
  }
}

async function brokersNamed(name: string): Promise<NonNullable<MainJobOptions['brokers']>> {
  if (name === 'within' || name === 'apart') return name;
  if (name !== 'kafka') throw new Error(`--broker is within, apart or kafka, not ${name}`);
  // Only here: it brings Apache Kafka's own tools with it.
  return (await import('../servers/kafka-brokers.ts')).kafkaBrokers;
}

async function openBrokers(where: NonNullable<MainJobOptions['brokers']>, folder: string): Promise<Brokers> {
  if (where === 'within') return brokerWithin(folder);
  return where === 'apart' ? await brokerApart(folder) : await where(folder);
}

async function killAgainAndAgain(
  options: MainJobOptions,
  brokers: Brokers,
  start: () => Promise<MillraceChild>,
  random: () => number,
): Promise<MainJobReport['kills']> {
  const victims: readonly Victim[] =
    brokers.kill === undefined ? ['process', 'process', 'thread'] : ['process', 'thread', 'broker'];
  const span = (options.longestRunMs ?? 4_000) - shortestRunMs;
  const kills = { process: 0, thread: 0, broker: 0 };
  let child = await start();
  for (let kill = 1; kill <= options.kills; kill += 1) {
    await Promise.race([new Promise((resolve) => setTimeout(resolve, shortestRunMs + random() * span)), child.ended]);
    const { exitCode, signalCode } = child.process;
    if (exitCode !== null || signalCode !== null)
      throw new Error(`ended by itself with ${exitCode ?? signalCode}:\n${child.output()}`);
    const victim = victims[Math.floor(random() * victims.length)] ?? 'process';
    kills[victim] += 1;
    if (victim === 'process') {
      await child.kill();
      child = await start();
    } else if (victim === 'broker') {
      await brokers.kill?.();
    } else if (/^pipeline /m.test(child.output())) {
      // Before that line nobody may listen to the signal yet, and it would end the process.
      child.process.kill('SIGUSR2');
    }
    options.onProgress?.(`kill ${kill} of ${options.kills}: ${victim}`);
  }
  await child.kill();
  return kills;
}

if (import.meta.main) {
  const { values } = parseArgs({
    options: {
      kills: { type: 'string', default: '100' },
      files: { type: 'string', default: '40' },
      bytes: { type: 'string', default: '400000000' },
      store: { type: 'string', default: 's3' },
      seed: { type: 'string', default: String(Date.now() % 1_000_000) },
      broker: { type: 'string', default: 'within' },
      keep: { type: 'boolean', default: false },
    },
  });
  console.log(`seed ${values.seed}`);
  const report = await runMainJob({
    kills: Number(values.kills),
    files: Number(values.files),
    bytes: Number(values.bytes),
    store: values.store === 'local' ? 'local' : 's3',
    brokers: await brokersNamed(values.broker),
    seed: Number(values.seed),
    keep: values.keep,
    onProgress: (text) => console.log(text),
  });
  console.log(JSON.stringify(report, null, 2));
  process.exitCode = isKept(report) ? 0 : 1;
}
