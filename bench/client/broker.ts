/** The embedded broker in a process of its own, so that the cost of the clients can be told apart. Prints its port. */

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '../../core/base/clock.ts';
import { silentLogger } from '../../core/base/logger.ts';
import { nodeDisk } from '../../core/base/node-disk.ts';
import { startBroker } from '../../core/index.ts';

const dataDir = await mkdtemp(join(tmpdir(), 'millrace-bench-client-'));
const durability = process.argv[2] === 'os' ? 'os' : 'default';
const broker = await startBroker({
  listen: { host: '127.0.0.1', port: 0 },
  dataDir,
  durability,
  disk: nodeDisk,
  clock: systemClock,
  logger: silentLogger,
});
console.log(broker.port);
process.once('SIGTERM', async () => {
  await broker.close();
  await rm(dataDir, { recursive: true, force: true });
});
