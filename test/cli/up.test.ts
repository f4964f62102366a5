/** `millrace up` with real files and a folder as the target: a bounded run to its end, and one that follows until it is stopped. */

import { appendFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { localObjects } from '../crash/bucket.ts';
import { type MillraceChild, startMillrace } from '../crash/millrace-child.ts';
import { startS3 } from '../crash/s3-child.ts';
import { freePort } from '../free-port.ts';
import { anyPorts, millrace, temporaryFolder } from './command.ts';

interface Place {
  readonly folder: string;
  readonly pipeline: string;
  readonly dataDir: string;
  readonly target: string;
}

const lines = (name: string, from: number, count: number) =>
  Array.from({ length: count }, (_, i) => `${name} line ${from + i}\n`).join('');

/** Two logs, one partition, and a sink into a folder. */
function place(sinkSettings: readonly string[] = []): Place {
  const folder = temporaryFolder();
  mkdirSync(join(folder, 'logs'));
  writeFileSync(join(folder, 'logs', 'a.log'), lines('a', 0, 300));
  writeFileSync(join(folder, 'logs', 'b.log'), lines('b', 0, 200));
  const pipeline = join(folder, 'pipeline.yaml');
  const target = join(folder, 'target');
  const settings = [`store.url: file:${target}`, 'format: text', ...sinkSettings];
  writeFileSync(
    pipeline,
    `pipeline: job
source:
  connector: file
  paths: ${folder}/logs/*.log
topics:
  job: { partitions: 1 }
sinks:
  - connector: s3
${settings.map((line) => `    ${line}\n`).join('')}`,
  );
  return { folder, pipeline, dataDir: join(folder, 'data'), target };
}

const once = ({ pipeline, dataDir }: Place) =>
  millrace(['up', pipeline, '--once', '--data-dir', dataDir, ...anyPorts, '--log-level', 'warn']);

function follow({ pipeline, dataDir }: Place): MillraceChild {
  const child = startMillrace(['up', pipeline, '--data-dir', dataDir, ...anyPorts]);
  onTestFinished(() => child.kill());
  return child;
}

/** Each line of every object, sorted. */
async function written({ target }: Place): Promise<string[]> {
  if (!existsSync(target)) return [];
  const objects = localObjects(target).filter(({ key }) => key.endsWith('.txt'));
  const texts = await Promise.all(objects.map(async (object) => (await object.read()).toString()));
  return texts.join('').split('\n').filter(Boolean).sort();
}

const inFiles = ({ folder }: Place) =>
  ['a', 'b']
    .flatMap((name) => readFileSync(join(folder, 'logs', `${name}.log`), 'utf8').split('\n'))
    .filter(Boolean)
    .sort();

describe('once', () => {
  test('everything there is gets to the target, and the summary counts it', async () => {
    const job = place();
    const { exitCode, stdout, stderr } = await once(job);
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
    expect(await written(job)).toEqual(inFiles(job));
    const summary = /done in .*: files 2, lines 500, bytes ([\d,]+) .*, objects 1, dead letters 0$/m.exec(stdout);
    const payload = inFiles(job).join('').length;
    expect(Number(summary?.[1]?.replaceAll(',', ''))).toBe(payload);
    expect(stdout).toContain(`objects in ${join(job.target, 'topics')}`);
  });

  test('a second run writes nothing, and later lines once', async () => {
    const job = place();
    await once(job);
    const again = await once(job);
    expect(again.exitCode).toBe(0);
    expect(again.stdout).toMatch(/files 2, lines 0, bytes 0 .*, objects 0, /);
    appendFileSync(join(job.folder, 'logs', 'b.log'), lines('b', 200, 50));
    const third = await once(job);
    expect(third.stdout).toMatch(/lines 50, .*, objects 1, /);
    expect(await written(job)).toEqual(inFiles(job));
  });
});

describe('until stopped', () => {
  test('health, status and topics answer while it runs, and the first Ctrl-C drains', async () => {
    const job = place(['flush.size: 1000000']);
    const child = follow(job);
    const [, broker = ''] = await child.waitFor(/^broker\s+(\S+)/m);
    const [, rest = ''] = await child.waitFor(/^rest\s+http:\/\/(\S+)/m);
    await until(async () => (await fetch(`http://${rest}/health`)).status === 200);

    // A status is shown once it was read back from its topic.
    const shown = () => millrace(['status', '--rest', rest]);
    await until(async () => /^job-source\s+source\s+RUNNING\s+1\/1 running$/m.test((await shown()).stdout));
    expect((await shown()).exitCode).toBe(0);
    const json = JSON.parse((await millrace(['status', '--json', '--rest', rest])).stdout);
    expect(json.map(({ state }: { state: string }) => state)).toEqual(['RUNNING', 'RUNNING']);

    const listed = async () => JSON.parse((await millrace(['topics', 'list', '--json', '--bootstrap', broker])).stdout);
    // The ends of transactions take offsets, too.
    await until(async () => (await listed())[0]?.offsets > 500);
    expect(await listed()).toMatchObject([{ topic: 'job', partitions: 1 }]);
    const consumed = await millrace(['topics', 'consume', 'job', '--bootstrap', broker]);
    expect(consumed.stdout.split('\n').filter(Boolean).sort()).toEqual(inFiles(job));
    const two = await millrace(['topics', 'consume', 'job', '--max', '2', '--json', '--bootstrap', broker]);
    const records = two.stdout.trim().split('\n');
    expect(records.map((text) => JSON.parse(text).offset)).toEqual([0, 1]);

    // One offset more for the end of each transaction.
    const taken = async () =>
      /^millrace_sink_offsets_total\{.*\} 50[1-9]$/m.test(await (await fetch(`http://${rest}/metrics`)).text());
    await until(taken);
    // Nothing rotates before the drain: 500 lines are far from a full file.
    expect(await written(job)).toEqual([]);
    child.process.kill('SIGINT');
    expect(await child.ended).toBe(0);
    expect(await written(job)).toEqual(inFiles(job));
  });

  test('a target that refuses the credentials is told with its reason and place, and without the secret', async () => {
    const job = place();
    const credentials = { accessKeyId: 'right', secretAccessKey: 'rightright' };
    const s3 = await startS3({ folder: join(job.folder, 's3'), bucket: 'lake', credentials });
    onTestFinished(() => s3.stop());
    const settings = `store.url: ${s3.endpoint}
    s3.bucket.name: lake
    aws.access.key.id: wrong
    aws.secret.access.key: wrongwrong-secret`;
    writeFileSync(job.pipeline, readFileSync(job.pipeline, 'utf8').replace(/store\.url: .*/, settings));
    const child = follow(job);
    const [, rest = ''] = await child.waitFor(/^rest\s+http:\/\/(\S+)/m);
    await child.waitFor(/s3\/denied.*InvalidAccessKeyId.*s3:\/\/lake\/.*Check the access key/);
    await until(async () => (await millrace(['status', '--rest', rest])).exitCode === 1);
    const { stdout } = await millrace(['status', '--rest', rest]);
    expect(stdout).toMatch(/^job-s3\s+sink\s+DEGRADED/m);
    expect(stdout).toMatch(/s3\/denied/);
    expect(child.output() + stdout).not.toContain('wrongwrong-secret');
  });

  test('a second Ctrl-C ends it at once', async () => {
    const child = follow(place());
    await child.waitFor(/^rest\s/m);
    child.process.kill('SIGINT');
    await child.waitFor(/draining; once more ends at once/);
    child.process.kill('SIGINT');
    // A drain that was over before the second signal came ends it with 0.
    expect([130, 0]).toContain(await child.ended);
  });
});

async function until(isReached: () => Promise<boolean>): Promise<void> {
  while (!(await isReached())) await new Promise((resolve) => setTimeout(resolve, 50));
}

test('a worker alone waits for a broker that comes later', async () => {
  const job = place();
  const address = `127.0.0.1:${await freePort()}`;
  const worker = startMillrace(['up', job.pipeline, '--bootstrap-servers', address, '--rest', '127.0.0.1:0', '--once']);
  onTestFinished(() => worker.kill());
  await worker.waitFor(/broker|unreachable|connect/i, 2_000).catch(() => {});
  expect(worker.process.exitCode).toBeNull();
  const broker = startMillrace(['broker', '--data-dir', job.dataDir, '--listen', address]);
  onTestFinished(() => broker.kill());
  expect(await worker.ended, worker.output()).toBe(0);
  expect(await written(job)).toEqual(inFiles(job));
});
