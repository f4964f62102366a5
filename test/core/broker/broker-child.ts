/**
 * A broker in a process of its own, for tests that kill it or watch what it takes: `broker-child.ts <data-dir>` tells its
 * port to the parent, and to every message how long its event loop stalled at most since the one before, and its memory.
 */

import { monitorEventLoopDelay } from 'node:perf_hooks';
import { systemClock } from '../../../core/base/clock.ts';
import { silentLogger } from '../../../core/base/logger.ts';
import { nodeDisk } from '../../../core/base/node-disk.ts';
import { startBroker } from '../../../core/broker/broker.ts';

const [dataDir = ''] = process.argv.slice(2);

/** The histogram counts its own interval as delay. */
const resolutionMs = 5;
const delays = monitorEventLoopDelay({ resolution: resolutionMs });
delays.enable();

/** What one turn of the event loop took of the processor at most: unlike the delay, it knows nothing of other processes. */
let longestTurnMs = 0;
let lastCpuMs = 0;
setInterval(() => {
  const { user, system } = process.threadCpuUsage();
  const cpuMs = (user + system) / 1_000;
  longestTurnMs = Math.max(longestTurnMs, cpuMs - lastCpuMs);
  lastCpuMs = cpuMs;
}, resolutionMs).unref();

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
process.on('message', () => {
  const stallMs = Math.max(delays.max / 1e6 - resolutionMs, 0);
  const peakRssBytes = process.resourceUsage().maxRSS * 1024;
  process.send?.({ stallMs, turnMs: longestTurnMs, rssBytes: process.memoryUsage().rss, peakRssBytes });
  delays.reset();
  longestTurnMs = 0;
});
// A parent that dies must not leave its broker behind.
process.on('disconnect', () => process.exit(0));
