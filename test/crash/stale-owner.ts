/**
 * Two processes own one pipeline: the older one is stopped in the middle of its work, and goes on when the newer one has
 * long taken over. What it still sends must be refused everywhere, and its metrics must say so.
 *
 *   node test/crash/stale-owner.ts --stopped 80 --store s3
 */

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { freePort } from '../free-port.ts';
import { type Brokers, brokerApart } from './brokers.ts';
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

export interface StaleOwnerOptions {
  readonly store: 's3' | 'local';
  readonly seed: number;
  /** How long the older process stands still after the newer one runs. */
  readonly stoppedMs: number;
  readonly brokers?: (folder: string) => Promise<Brokers>;
  readonly onProgress?: (text: string) => void;
}

export interface StaleOwnerReport extends Conservation {
  /** Of the older process, by connector: writes that were refused because it was replaced. */
  readonly fenced: Readonly<Record<string, number>>;
}

const writeEveryMs = 20;
const patienceMs = 90_000;
const afterwardsMs = 3_000;

export async function runStaleOwner(options: StaleOwnerOptions): Promise<StaleOwnerReport> {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-stale-owner-'));
  const s3 = options.store === 's3' ? await startS3({ folder: join(folder, 's3'), bucket, credentials }) : undefined;
  const brokers = await (options.brokers ?? brokerApart)(folder);
  try {
    return await run(options, { folder, endpoint: s3?.endpoint }, brokers);
  } finally {
    await brokers.close();
    await s3?.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

async function run(options: StaleOwnerOptions, scenario: Scenario, brokers: Brokers): Promise<StaleOwnerReport> {
  const { onProgress, stoppedMs } = options;
  const random = seededRandom(options.seed);
  const services = new LogWriter({ folder: logFolder(scenario), serviceCount: 8, random, linesPerWrite: 30 });
  services.step();
  const args = preparePipeline(scenario);
  const writing = setInterval(() => services.step(), writeEveryMs);
  const children: Owner[] = [];
  const start = async () => {
    const owner = await startOwner(args, brokers);
    children.push(owner);
    return owner;
  };
  try {
    const older = await start();
    await until(
      () => older.metric('object_records_total'),
      (count) => count > 0,
      'the older one has written objects',
    );
    // Standing still at whatever it was doing, transactions and uploads half done.
    older.child.process.kill('SIGSTOP');
    const newer = await start();
    await until(
      () => newer.metric('object_records_total'),
      (count) => count > 0,
      'the newer one has written objects',
    );
    onProgress?.('the newer one has taken over');
    await sleep(stoppedMs);
    older.child.process.kill('SIGCONT');
    await until(
      () => older.metric('fenced_writes_total', '-source'),
      (count) => count > 0,
      'a source write was refused',
    );
    onProgress?.('the source of the older one was refused');
    // Its sink hears of the new owner from the group or from the store, whichever is faster, and lives on as a member.
    await sleep(afterwardsMs);
    const fenced = await older.byConnector('fenced_writes_total');
    clearInterval(writing);
    for (const { child } of children) await child.kill();
    const last = startMillrace([...args, ...(await brokers.upArgs()), ...(await restArgs()), '--once']);
    const ended = await last.ended;
    if (ended !== 0) throw new Error(`the last run ended with ${ended}:\n${last.output()}`);
    const read = (onValue: (value: Buffer) => void) => brokers.readTopic(topic, onValue);
    return { fenced, ...(await checkConservation(scenario, services.counts, read)) };
  } finally {
    clearInterval(writing);
    for (const { child } of children) child.process.kill('SIGKILL');
  }
}

interface Owner {
  readonly child: MillraceChild;
  /** The sum over the connectors whose name ends so; 0 while the process does not answer. */
  metric(name: string, connectorEnd?: string): Promise<number>;
  byConnector(name: string): Promise<Record<string, number>>;
}

async function startOwner(args: readonly string[], brokers: Brokers): Promise<Owner> {
  const rest = await restArgs();
  const child = startMillrace([...args, ...(await brokers.upArgs()), ...rest]);
  const byConnector = (name: string) => metricByConnector(rest[1]!, name);
  const metric = async (name: string, connectorEnd = '') => {
    const found = Object.entries(await byConnector(name).catch(() => ({})));
    return found.filter(([connector]) => connector.endsWith(connectorEnd)).reduce((sum, [, value]) => sum + value, 0);
  };
  return { child, metric, byConnector };
}

async function restArgs(): Promise<string[]> {
  return ['--rest', `127.0.0.1:${await freePort()}`];
}

async function metricByConnector(rest: string, name: string): Promise<Record<string, number>> {
  const answer = await fetch(`http://${rest}/metrics`, { signal: AbortSignal.timeout(2_000) });
  const found: Record<string, number> = {};
  for (const [, labels = '', value] of (await answer.text()).matchAll(
    new RegExp(`^millrace_${name}\\{(.*)\\} (.*)$`, 'gm'),
  )) {
    const connector = /connector="([^"]*)"/.exec(labels)?.[1] ?? '';
    found[connector] = (found[connector] ?? 0) + Number(value);
  }
  return found;
}

async function until(ask: () => Promise<number>, isWanted: (value: number) => boolean, what: string): Promise<void> {
  const deadlineMs = performance.now() + patienceMs;
  while (!isWanted(await ask())) {
    if (performance.now() > deadlineMs) throw new Error(`did not happen within ${patienceMs} ms: ${what}`);
    await sleep(50);
  }
}

if (import.meta.main) {
  const { values } = parseArgs({
    options: {
      stopped: { type: 'string', default: '80' },
      store: { type: 'string', default: 's3' },
      seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    },
  });
  console.log(`seed ${values.seed}`);
  const report = await runStaleOwner({
    store: values.store === 'local' ? 'local' : 's3',
    seed: Number(values.seed),
    stoppedMs: Number(values.stopped) * 1_000,
    onProgress: (text) => console.log(text),
  });
  console.log(JSON.stringify(report, null, 2));
  process.exitCode = isKept(report) ? 0 : 1;
}
