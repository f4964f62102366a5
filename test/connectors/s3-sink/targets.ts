/** Targets for the tests of the S3 sink: a bucket of the test server or a folder, with a way to read back what is visible. */

import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync, zstdDecompressSync } from 'node:zlib';
import type { TopicPartition } from '../../../connectors/contract/record.ts';
import { connector } from '../../../connectors/s3-sink/index.ts';
import type { SinkUnderTest } from '../../kits/sink-kit.ts';
import { S3Server } from '../../s3-server/server.ts';

export interface S3Target extends SinkUnderTest {
  /** Keys of data objects in order, without the sink's own. */
  keys(): Promise<string[]>;
  /** The content of an object, decompressed. */
  text(key: string): Promise<string>;
}

export interface BucketTarget extends S3Target {
  readonly server: S3Server;
}

const common = { name: 'kit-sink', 'connector.class': 's3', topics: 'kit', 'topics.dir': 'lake' };

export async function bucketTarget(settings: Readonly<Record<string, string>> = {}): Promise<BucketTarget> {
  const server = await S3Server.start();
  const keys = async () =>
    server.buckets
      .list('bucket')
      .map(({ key }) => key)
      .filter(isData);
  const text = async (key: string) => unpack(key, server.buckets.content(server.buckets.get('bucket', key)));
  return {
    server,
    settings: {
      ...common,
      's3.bucket.name': 'bucket',
      's3.region': 'us-east-1',
      'store.url': server.url,
      'aws.access.key.id': 'test',
      'aws.secret.access.key': 'testtest',
      ...settings,
    },
    createTask: () => connector.createTask(),
    keys,
    text,
    visible: (at) => readBack(at, keys, text),
    fences: true,
    close: () => server.close(),
  };
}

export async function folderTarget(
  settings: Readonly<Record<string, string>> = {},
): Promise<S3Target & { folder: string }> {
  const folder = await mkdtemp(join(tmpdir(), 'millrace-sink-'));
  const keys = async () => {
    const entries = await readdir(folder, { recursive: true, withFileTypes: true });
    const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
    return files
      .map((path) => path.slice(folder.length + 1))
      .filter(isData)
      .sort();
  };
  const text = async (key: string) => unpack(key, await readFile(join(folder, key)));
  return {
    folder,
    settings: { ...common, 'store.url': `file:${folder}`, ...settings },
    createTask: () => connector.createTask(),
    keys,
    text,
    visible: (at) => readBack(at, keys, text),
    fences: true,
    close: () => rm(folder, { recursive: true, force: true }),
  };
}

function isData(key: string): boolean {
  return !key.includes('/_millrace/') && !key.startsWith('.millrace-uploads');
}

function unpack(key: string, content: Buffer): string {
  if (key.endsWith('.gz')) return gunzipSync(content).toString();
  return (key.endsWith('.zst') ? zstdDecompressSync(content) : content).toString();
}

async function readBack(
  { topic, partition }: TopicPartition,
  keys: () => Promise<string[]>,
  text: (key: string) => Promise<string>,
): Promise<number[]> {
  const ours = (await keys()).filter((key) => key.includes(`/${topic}+${partition}+`));
  const byOffset = ours.sort((a, b) => Number(/\+(\d+)\./.exec(a)![1]) - Number(/\+(\d+)\./.exec(b)![1]));
  const found: number[] = [];
  for (const key of byOffset) {
    for (const line of (await text(key)).split('\n').slice(0, -1)) found.push((JSON.parse(line) as { n: number }).n);
  }
  return found;
}
