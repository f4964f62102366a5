/**
 * A broker in a process of its own, for faults: `broker-child.ts <data dir> <advertised port>`. It tells its port to the
 * parent, and is told by it when the disk is full and when somebody sets the clock.
 */

import { systemClock } from '../../../../core/base/clock.ts';
import { silentLogger } from '../../../../core/base/logger.ts';
import { nodeDisk } from '../../../../core/base/node-disk.ts';
import { startBroker } from '../../../../core/broker/broker.ts';
import { FillableDisk } from './fillable-disk.ts';

export interface ChildOrder {
  readonly isFull?: boolean;
  readonly clockStepMs?: number;
}

const [dataDir = '', advertisedPort = ''] = process.argv.slice(2);
const disk = new FillableDisk(nodeDisk);
let wallOffsetMs = 0;

process.on('message', ({ isFull, clockStepMs = 0 }: ChildOrder) => {
  disk.isFull = isFull ?? disk.isFull;
  wallOffsetMs += clockStepMs;
});

const broker = await startBroker({
  listen: { host: '127.0.0.1', port: 0 },
  advertised: { host: '127.0.0.1', port: Number(advertisedPort) },
  dataDir,
  durability: 'default',
  disk,
  clock: { ...systemClock, nowMs: () => systemClock.nowMs() + wallOffsetMs },
  logger: silentLogger,
  settings: { offsetsPartitionCount: 2 },
  coordinator: { initialRebalanceDelayMs: 0 },
  onFailed: () => process.exit(1),
});
process.send?.({ port: broker.port });
process.on('SIGTERM', () => void broker.close().then(() => process.exit(0)));
// A parent that dies must not leave its broker behind.
process.on('disconnect', () => process.exit(0));
