/** The pipeline of the crash runs and the check of what it left: service logs through three partitions into S3 or a folder. */

import { createHash } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { freePort } from '../free-port.ts';
import { byPartition, localObjects, plainBytes, type StoredObject, s3Objects } from './bucket.ts';
import { type ConservationReport, Oracle } from './oracle.ts';
import { type PartitionContent, readTopic } from './topic.ts';

export const credentials = { accessKeyId: 'test', secretAccessKey: 'testtest' };
export const bucket = 'lake';
export const topic = 'services';

export interface Scenario {
  /** Holds logs, data directory, pipeline file and, without an endpoint, the target. */
  readonly folder: string;
  readonly endpoint: string | undefined;
}

export const logFolder = ({ folder }: Scenario): string => join(folder, 'logs');

/** Writes the pipeline file and returns the command line that runs it with a broker inside, but for the addresses. */
export function prepare(scenario: Scenario): string[] {
  return [...preparePipeline(scenario), '--data-dir', join(scenario.folder, 'data')];
}

/** The same without a word about brokers. */
export function preparePipeline(scenario: Scenario): string[] {
  const { folder } = scenario;
  const pipeline = join(folder, 'pipeline.yaml');
  mkdirSync(join(folder, 'target'), { recursive: true });
  writeFileSync(pipeline, pipelineText(scenario));
  return ['up', pipeline, '--log-level', 'warn'];
}

export interface Addresses {
  readonly rest: string;
  readonly args: readonly string[];
}

export async function freeAddresses(): Promise<Addresses> {
  const rest = `127.0.0.1:${await freePort()}`;
  return { rest, args: ['--listen', `127.0.0.1:${await freePort()}`, '--rest', rest] };
}

function pipelineText(scenario: Scenario): string {
  const { folder, endpoint } = scenario;
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
  return `pipeline: ${topic}
source:
  connector: file
  paths: ${logFolder(scenario)}/*.log*
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

export interface Conservation {
  /** Written against what readers of committed records see in the topic. */
  readonly topic: ConservationReport;
  /** Written against what is in the target. */
  readonly target: ConservationReport;
  /** True when each partition of the target is the same bytes as that of the topic. */
  readonly targetEqualsTopic: boolean;
  readonly objects: number;
}

/** Every line exactly once, in order and undamaged, and the target is the topic to the byte. */
export function isKept({ topic: inTopic, target, targetEqualsTopic }: Conservation): boolean {
  const faults = [inTopic, target].map(
    ({ missing, duplicates, outOfOrder, corrupt }) => missing + duplicates + outOfOrder + corrupt,
  );
  return targetEqualsTopic && faults.every((count) => count === 0);
}

/** @param written lines written to each stream */
export async function checkConservation(
  { folder, endpoint }: Scenario,
  written: readonly number[],
  read: (onValue: (value: Buffer) => void) => Promise<PartitionContent[]> = (onValue) =>
    readTopic(join(folder, 'data'), topic, onValue),
): Promise<Conservation> {
  const inTopic = new Oracle(written);
  const contents = await read((value) => inTopic.add(value.toString('latin1')));
  const objects =
    endpoint === undefined ? localObjects(join(folder, 'target')) : await s3Objects(endpoint, bucket, credentials);
  const inTarget = new Oracle(written);
  const digests = new Map<number, string>();
  let objectCount = 0;
  for (const { partition, objects: list } of byPartition(objects, topic)) {
    digests.set(partition, await readPartition(list, inTarget));
    objectCount += list.length;
  }
  const empty = createHash('sha256').digest('hex');
  return {
    topic: inTopic.report(),
    target: inTarget.report(),
    targetEqualsTopic: contents.every(({ partition, digest }) => (digests.get(partition) ?? empty) === digest),
    objects: objectCount,
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
