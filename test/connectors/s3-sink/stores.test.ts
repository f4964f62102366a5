/** The store kit over a bucket of the test server and over a local folder. */

import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Secret } from '../../../config/index.ts';
import { LocalStore } from '../../../connectors/s3-sink/store/local-store.ts';
import { S3Store } from '../../../connectors/s3-sink/store/s3-store.ts';
import { objectStoreKit } from '../../kits/object-store-kit.ts';
import { S3Server } from '../../s3-server/server.ts';

objectStoreKit('a bucket', async () => {
  const server = await S3Server.start();
  const store = openBucket(server.url);
  return {
    store,
    keepsMetadata: true,
    async read(key) {
      const note = server.buckets.find('bucket', key);
      return note && server.buckets.content(note);
    },
    async close() {
      await store.close();
      await server.close();
    },
  };
});

objectStoreKit('a folder', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'millrace-store-'));
  return {
    store: new LocalStore(folder),
    keepsMetadata: false,
    read: (key) => readFile(join(folder, key)).catch(() => undefined),
    close: () => rm(folder, { recursive: true, force: true }),
  };
});

function openBucket(endpoint: string): S3Store {
  return new S3Store({
    bucket: 'bucket',
    region: 'us-east-1',
    endpoint,
    pathStyle: true,
    accessKeyId: 'test',
    secretAccessKey: new Secret('testtest'),
    acl: undefined,
    encryption: undefined,
    kmsKeyId: undefined,
    connections: 8,
  });
}
