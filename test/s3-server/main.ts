/** The test S3 server as a program: `node test/s3-server/main.ts --port 9000 --dir /tmp/s3 --bucket lake`. */

import { parseArgs } from 'node:util';
import { discardBacking, folderBacking, memoryBacking } from './backing.ts';
import { S3Server } from './server.ts';

const { values } = parseArgs({
  options: {
    port: { type: 'string', default: '0' },
    /** Keeps everything in this folder; in memory without it. */
    dir: { type: 'string' },
    /** Checks and forgets the bytes of objects. */
    discard: { type: 'boolean', default: false },
    bucket: { type: 'string', multiple: true, default: ['bucket'] },
    key: { type: 'string', default: 'test' },
    secret: { type: 'string', default: 'testtest' },
  },
});

const backing = values.discard
  ? discardBacking()
  : values.dir === undefined
    ? memoryBacking()
    : folderBacking(values.dir);
const server = await S3Server.start({
  port: Number(values.port),
  backing,
  buckets: values.bucket,
  keys: new Map([[values.key, values.secret]]),
});
console.log(server.url);

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => void server.close().then(() => process.exit(0)));
}
