/**
 * The main job under fire: services append and rotate logs while the process that ships them is killed again and again;
 * then it runs to its end, and every line is looked for in topic and target.
 *
 *   node test/crash/main-job.ts --kills 100 --files 40 --bytes 4000000000 --store s3 --seed 7
 */

import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { byPartition, localObjects, plainBytes, type StoredObject, s3Objects } from './bucket.ts';
import { lineBytes } from './lines.ts';
import { LogWriter } from './log-writer.ts';
import { freePort, startMillrace } from './millrace-child.ts';
import { type ConservationReport, Oracle } from './oracle.ts';
import { seededRandom } from './random.ts';
import { type RunningS3, startS3 } from './s3-child.ts';
import { readTopic } from './topic.ts';

export interface MainJobOptions {
  readonly kills: number;
  readonly files: number;
  /** Of log lines before the first start; the services go on writing after that. */
  readonly bytes: number;
  readonly store: 's3' | 'local';
  readonly seed: number;
  /** The longest time from one start to its kill. */
  readonly longestRunMs?: number;
  /** Leaves logs, data directory and target behind, to look at. */
  readonly keep?: boolean;
  readonly onProgress?: (text: string) => void;
}

export interface MainJobReport {
  readonly kills: number;
  /** Written against what is in the topic: duplicates here came from batches in flight at a kill. */
  readonly topic: ConservationReport;
  /** Written against what is in the target. */
  readonly target: ConservationReport;
  /** True when each partition of the target is the same bytes as that of the topic. */
  readonly targetEqualsTopic: boolean;
  readonly objects: number;
  readonly lastOutput: string;
}

const topic = 'services';
const credentials = { accessKeyId: 'test', secretAccessKey: 'testtest' };
const bucket = 'lake';
const shortestRunMs = 300;
const writeEveryMs = 20;
const linesPerAppend = 10_000;

export async function runMainJob(options: MainJobOptions): Promise<MainJobReport> {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-main-job-'));
  const s3 = options.store === 's3' ? await startS3({ folder: join(folder, 's3'), bucket, credentials }) : undefined;
  try {
    return await run(options, folder, s3);
  } finally {
    await s3?.stop();
    if (options.keep === true) options.onProgress?.(`kept ${folder}`);
    else rmSync(folder, { recursive: true, force: true });
  }
}

async function run(options: MainJobOptions, folder: string, s3: RunningS3 | undefined): Promise<MainJobReport> {
  const random = seededRandom(options.seed);
  const services = new LogWriter({
    folder: join(folder, 'logs'),
    serviceCount: options.files,
    random,
    linesPerWrite: 20,
  });
  const linesPerFile = Math.ceil(options.bytes / lineBytes / options.files);
  for (let index = 0; index < options.files; index += 1) {
    for (let left = linesPerFile; left > 0; left -= linesPerAppend)
      services.append(index, Math.min(left, linesPerAppend));
  }
  const pipeline = join(folder, 'pipeline.yaml');
  writeFileSync(pipeline, pipelineText(folder, s3?.endpoint));
  const args = ['up', pipeline, '--data-dir', join(folder, 'data'), '--log-level', 'warn'];
  const writing = setInterval(() => services.step(), writeEveryMs);
  try {
    for (let kill = 1; kill <= options.kills; kill += 1) {
      const child = startMillrace([...args, ...(await freeAddresses())]);
      const span = (options.longestRunMs ?? 4_000) - shortestRunMs;
      await Promise.race([new Promise((resolve) => setTimeout(resolve, shortestRunMs + random() * span)), child.ended]);
      if (child.process.exitCode !== null)
        throw new Error(`ended by itself with ${child.process.exitCode}:\n${child.output()}`);
      await child.kill();
      options.onProgress?.(`kill ${kill} of ${options.kills}`);
    }
  } finally {
    clearInterval(writing);
  }
  const last = startMillrace([...args, ...(await freeAddresses()), '--once']);
  const ended = await last.ended;
  if (ended !== 0) throw new Error(`the last run ended with ${ended}:\n${last.output()}`);
  options.onProgress?.(`last run: ${last.output().trim()}`);
  return check(options, folder, s3, services.counts, last.output());
}

async function freeAddresses(): Promise<string[]> {
  return ['--listen', `127.0.0.1:${await freePort()}`, '--rest', `127.0.0.1:${await freePort()}`];
}

function pipelineText(folder: string, endpoint: string | undefined): string {
  const store =
    endpoint === undefined
      ? `store.url: file:${join(folder, 'target')}`
      : [
          `store.url: ${endpoint}`,
          `    s3.bucket.name: ${bucket}`,
          '    s3.region: us-east-1',
          `    aws.access.key.id: ${credentials.accessKeyId}`,
          `    aws.secret.access.key: ${credentials.secretAccessKey}`,
        ].join('\n');
  mkdirSync(join(folder, 'target'), { recursive: true });
  return `pipeline: ${topic}
source:
  connector: file
  paths: ${join(folder, 'logs')}/*.log*
topics:
  ${topic}: { partitions: 3 }
sinks:
  - connector: s3
    ${store}
    format: text
    s3.compression.type: zstd
    flush.size: 100000
    rotate.schedule.interval.ms: 2s
`;
}

async function check(
  options: MainJobOptions,
  folder: string,
  s3: RunningS3 | undefined,
  written: readonly number[],
  lastOutput: string,
): Promise<MainJobReport> {
  const inTopic = new Oracle(written);
  const contents = await readTopic(join(folder, 'data'), topic, (value) => inTopic.add(value.toString('latin1')));
  const objects =
    s3 === undefined ? localObjects(join(folder, 'target')) : await s3Objects(s3.endpoint, bucket, credentials);
  const inTarget = new Oracle(written);
  const digests = new Map<number, string>();
  let objectCount = 0;
  for (const { partition, objects: list } of byPartition(objects, topic)) {
    digests.set(partition, await readPartition(list, inTarget));
    objectCount += list.length;
  }
  const empty = createHash('sha256').digest('hex');
  return {
    kills: options.kills,
    topic: inTopic.report(),
    target: inTarget.report(),
    targetEqualsTopic: contents.every(({ partition, digest }) => (digests.get(partition) ?? empty) === digest),
    objects: objectCount,
    lastOutput,
  };
}

async function readPartition(objects: readonly StoredObject[], oracle: Oracle): Promise<string> {
  const hash = createHash('sha256');
  for (const object of objects) {
    const bytes = await plainBytes(object);
    hash.update(bytes);
    let start = 0;
    for (let end = bytes.indexOf(0x0a); end >= 0; end = bytes.indexOf(0x0a, start)) {
      oracle.add(bytes.toString('latin1', start, end));
      start = end + 1;
    }
    if (start < bytes.length) oracle.add(bytes.toString('latin1', start));
  }
  return hash.digest('hex');
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
  const isKept =
    report.target.missing +
      report.target.outOfOrder +
      report.target.corrupt +
      report.topic.missing +
      report.topic.outOfOrder +
      report.topic.corrupt ===
    0;
  process.exitCode = isKept && report.targetEqualsTopic ? 0 : 1;
}
