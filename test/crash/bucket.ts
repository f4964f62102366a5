/** Reads back what a run left in its target, S3 endpoint or local folder, in the order of the topic. */

import { readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { gunzipSync, zstdDecompressSync } from 'node:zlib';
import { GetObjectCommand, ListObjectsV2Command, S3Client } from '@aws-sdk/client-s3';

export interface StoredObject {
  readonly key: string;
  read(): Promise<Buffer>;
}

export function localObjects(folder: string): StoredObject[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .map((path) => ({ key: relative(folder, path), read: async () => readFileSync(path) }));
}

export async function s3Objects(
  endpoint: string,
  bucket: string,
  credentials: { accessKeyId: string; secretAccessKey: string },
): Promise<StoredObject[]> {
  const client = new S3Client({ endpoint, region: 'us-east-1', forcePathStyle: true, credentials });
  const objects: StoredObject[] = [];
  let token: string | undefined;
  do {
    const page = await client.send(new ListObjectsV2Command({ Bucket: bucket, ContinuationToken: token }));
    for (const { Key: key } of page.Contents ?? []) {
      if (key === undefined) continue;
      const read = async () => {
        const { Body: body } = await client.send(new GetObjectCommand({ Bucket: bucket, Key: key }));
        return Buffer.from((await body?.transformToByteArray()) ?? []);
      };
      objects.push({ key, read });
    }
    token = page.NextContinuationToken;
  } while (token !== undefined);
  return objects;
}

export interface PartitionObjects {
  readonly partition: number;
  /** By first offset. */
  readonly objects: readonly StoredObject[];
}

const namePattern = /\/partition=(\d+)\/[^/]+\+\d+\+(\d+)\.txt(\.gz|\.zst)?$/;

/** The data objects of one topic, per partition in offset order; anything else under the prefix is left out. */
export function byPartition(objects: readonly StoredObject[], topic: string): PartitionObjects[] {
  const partitions = new Map<number, { firstOffset: number; object: StoredObject }[]>();
  for (const object of objects) {
    const match = object.key.includes(`/${topic}/`) ? namePattern.exec(object.key) : null;
    if (match === null) continue;
    const partition = Number(match[1]);
    const list = partitions.get(partition) ?? [];
    list.push({ firstOffset: Number(match[2]), object });
    partitions.set(partition, list);
  }
  return [...partitions]
    .sort(([a], [b]) => a - b)
    .map(([partition, list]) => ({
      partition,
      objects: list.sort((a, b) => a.firstOffset - b.firstOffset).map(({ object }) => object),
    }));
}

/** The plain bytes of an object, whatever it was packed with. */
export async function plainBytes(object: StoredObject): Promise<Buffer> {
  const bytes = await object.read();
  if (object.key.endsWith('.gz')) return gunzipSync(bytes);
  if (object.key.endsWith('.zst')) return unpackFrames(bytes);
  return bytes;
}

/** Node's own decoder stops after the first zstd frame, unlike its gzip decoder and unlike every zstd tool. */
function unpackFrames(bytes: Buffer): Buffer {
  const frames: Buffer[] = [];
  for (let start = 0; start < bytes.length; ) {
    // With `info` the answer holds the engine too, which knows how much it consumed; the types do not say so.
    const options = { info: true } as object;
    const { buffer, engine } = zstdDecompressSync(bytes.subarray(start), options) as unknown as {
      buffer: Buffer;
      engine: { bytesWritten: number };
    };
    frames.push(buffer);
    start += engine.bytesWritten;
  }
  return Buffer.concat(frames);
}
