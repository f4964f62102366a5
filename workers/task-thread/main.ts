/** One task in its thread: its own connection to the cluster, its runner, and the messages that steer it. */

import { flushCompileCache } from 'node:module';
import type { MessagePort } from 'node:worker_threads';
import { systemClock } from '../../core/base/clock.ts';
import { connectCluster } from '../../core/client/cluster.ts';
import { threadTransport } from '../../core/client/thread-transport.ts';
import { Gate } from './gate.ts';
import { HostLink } from './host-link.ts';
import type { ThreadStart } from './messages.ts';
import { plainError } from './plain-error.ts';
import { TaskGauges } from './task-gauges.ts';
import type { ThreadContext } from './thread-context.ts';

/** Runs the task to its end and says how it ended; the main thread ends the thread then. */
export async function runTask({ spec, brokerDoor }: ThreadStart, port: MessagePort): Promise<void> {
  const link = new HostLink(port);
  const logger = link.logger({ connector: spec.connector, task: spec.taskIndex });
  const gauges = new TaskGauges();
  const flushNumbers = link.report(gauges, systemClock);
  const clientId = `connector-${spec.kind === 'source' ? 'producer' : 'consumer'}-${spec.connector}-${spec.taskIndex}`;
  const { bootstrapServers } = spec;
  const transport = brokerDoor === undefined ? undefined : threadTransport(brokerDoor);
  const cluster = connectCluster({ bootstrapServers, clientId, clock: systemClock, logger, transport });
  const context: ThreadContext = {
    spec,
    link,
    logger,
    gauges,
    cluster,
    clock: systemClock,
    gate: new Gate(),
    flushNumbers,
  };
  try {
    const { run } = spec.kind === 'source' ? await import('./run-source.ts') : await import('./run-sink.ts');
    const outcome = await run(context, () => {
      link.post({ type: 'running' });
      // A thread that is ended from outside would leave nothing for the next start.
      flushCompileCache();
    });
    flushNumbers();
    link.post({ type: outcome });
  } catch (error) {
    flushNumbers();
    link.post({ type: 'failed', error: plainError(error) });
  }
}
