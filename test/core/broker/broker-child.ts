/** A broker in a process of its own, for tests that kill it: `broker-child.ts <data-dir>`, tells its port to the parent. */

import { systemClock } from '../../../core/base/clock.ts';
import { silentLogger } from '../../../core/base/logger.ts';
import { nodeDisk } from '../../../core/base/node-disk.ts';
import { startBroker } from '../../../core/broker/broker.ts';

const [dataDir = ''] = process.argv.slice(2);

const broker = await startBroker({
  listen: { host: '127.0.0.1', port: 0 },
  dataDir,
  durability: 'default',
  disk: nodeDisk,
  clock: systemClock,
  logger: silentLogger,
  settings: { offsetsPartitionCount: 1 },
});
process.send?.({ port: broker.port });
// A parent that dies must not leave its broker behind.
process.on('disconnect', () => process.exit(0));
