/** The S3 server of a run, in a process of its own, and what a run left in it. */

import { join } from 'node:path';
import { plainBytes, s3Objects } from '../../test/crash/bucket.ts';
import { startS3 } from '../../test/crash/s3-child.ts';

const bucket = 'lake';
const credentials = { accessKeyId: 'test', secretAccessKey: 'testtest' };

export interface S3Target {
  readonly endpoint: string;
  /** Lines in all objects, read back and unpacked. */
  countLines(): Promise<{ lines: number; objects: number }>;
  /** True once an object can be listed. */
  hasObject(): Promise<boolean>;
  stop(): Promise<void>;
}

/** With an empty bucket: what a bucket holds tells a sink where it was. */
export async function startS3Target(folder: string): Promise<S3Target> {
  const server = await startS3({ folder: join(folder, 's3'), bucket, credentials });
  const objects = async () =>
    (await s3Objects(server.endpoint, bucket, credentials)).filter(({ key }) => !key.includes('/_millrace/'));
  return {
    endpoint: server.endpoint,
    async countLines() {
      let lines = 0;
      const found = await objects();
      for (const object of found) lines += newlines(await plainBytes(object));
      return { lines, objects: found.length };
    },
    hasObject: async () => (await objects()).length > 0,
    stop: () => server.stop(),
  };
}

/** The settings of a sink that writes there, as lines of a pipeline file. */
export function s3SinkLines(endpoint: string, more: readonly string[] = []): string[] {
  const settings = [
    `store.url: ${endpoint}`,
    `s3.bucket.name: ${bucket}`,
    's3.region: us-east-1',
    `aws.access.key.id: ${credentials.accessKeyId}`,
    `aws.secret.access.key: ${credentials.secretAccessKey}`,
    ...more,
  ];
  return ['sinks:', '  - connector: s3', ...settings.map((line) => `    ${line}`)];
}

function newlines(bytes: Buffer): number {
  let count = 0;
  for (let at = bytes.indexOf(0x0a); at >= 0; at = bytes.indexOf(0x0a, at + 1)) count += 1;
  return count;
}
