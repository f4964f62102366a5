/** The store and sink kits over an independent S3 server, so that ours cannot hide a misreading of our own. */

import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe } from 'vitest';
import { Secret } from '../../config/index.ts';
import { connector } from '../../connectors/s3-sink/index.ts';
import { S3Store } from '../../connectors/s3-sink/store/s3-store.ts';
import { objectStoreKit } from '../kits/object-store-kit.ts';
import { sinkKit } from '../kits/sink-kit.ts';
import { type S3Server, startS3Server } from './s3-server.ts';

let folder: string;
let server: S3Server;
let bucketCount = 0;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'millrace-versity-'));
  server = await startS3Server(folder);
});

afterAll(async () => {
  await server?.close();
  await rm(folder, { recursive: true, force: true });
});

async function newBucket(): Promise<string> {
  bucketCount += 1;
  const bucket = `kit-${bucketCount}`;
  const { accessKeyId, secretAccessKey, endpoint, region } = server;
  const client = new S3Client({
    endpoint,
    region,
    forcePathStyle: true,
    credentials: { accessKeyId, secretAccessKey },
  });
  await client.send(new CreateBucketCommand({ Bucket: bucket }));
  client.destroy();
  return bucket;
}

async function readFiles(bucket: string, topic: string, partition: number): Promise<number[]> {
  const root = join(server.dataFolder, bucket);
  const entries = await readdir(root, { recursive: true, withFileTypes: true });
  const names = entries.filter((entry) => entry.isFile() && entry.name.startsWith(`${topic}+${partition}+`));
  const sorted = names.sort((a, b) => (a.name < b.name ? -1 : 1));
  const texts = await Promise.all(sorted.map((entry) => readFile(join(entry.parentPath, entry.name), 'utf8')));
  return texts.flatMap((text) => text.split('\n').slice(0, -1)).map((line) => (JSON.parse(line) as { n: number }).n);
}

describe('Versity S3 Gateway', () => {
  objectStoreKit('a bucket of it', async () => {
    const bucket = await newBucket();
    const store = new S3Store({
      bucket,
      region: server.region,
      endpoint: server.endpoint,
      pathStyle: true,
      accessKeyId: server.accessKeyId,
      secretAccessKey: new Secret(server.secretAccessKey),
      acl: undefined,
      encryption: undefined,
      kmsKeyId: undefined,
      connections: 8,
    });
    return {
      store,
      keepsMetadata: true,
      read: (key) => readFile(join(server.dataFolder, bucket, key)).catch(() => undefined),
      close: () => store.close(),
    };
  });

  sinkKit('the S3 sink on a bucket of it', async () => {
    const bucket = await newBucket();
    return {
      settings: {
        name: 'kit-sink',
        'connector.class': 's3',
        topics: 'kit',
        'topics.dir': 'lake',
        's3.bucket.name': bucket,
        's3.region': server.region,
        'store.url': server.endpoint,
        'aws.access.key.id': server.accessKeyId,
        'aws.secret.access.key': server.secretAccessKey,
        'flush.size': '7',
      },
      createTask: () => connector.createTask(),
      visible: ({ topic, partition }) => readFiles(bucket, topic, partition),
      fences: true,
      close: async () => undefined,
    };
  });
});
