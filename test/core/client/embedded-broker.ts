/** The embedded broker for client tests: in a temporary folder, on a free port that it keeps across restarts. */

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MessageChannel } from 'node:worker_threads';
import { systemClock } from '../../../core/base/clock.ts';
import { silentLogger } from '../../../core/base/logger.ts';
import { nodeDisk } from '../../../core/base/node-disk.ts';
import { threadTransport } from '../../../core/client/thread-transport.ts';
import type { Transport } from '../../../core/client/transport.ts';
import { startBroker } from '../../../core/index.ts';
import type { BrokerUnderTest } from '../../kits/client-kit.ts';

export interface EmbeddedBroker extends BrokerUnderTest {
  readonly dataDir: string;
}

/** `over: 'threads'` gives clients streams of shared memory, as the threads of one process use them. */
export async function startEmbeddedBroker(over: 'tcp' | 'threads' = 'tcp'): Promise<EmbeddedBroker> {
  const dataDir = await mkdtemp(join(tmpdir(), 'millrace-client-'));
  const start = (port: number) =>
    startBroker({
      listen: { host: '127.0.0.1', port },
      dataDir,
      durability: 'default',
      disk: nodeDisk,
      clock: systemClock,
      logger: silentLogger,
    });
  let broker = await start(0);
  let isUp = true;
  const transport: Transport = {
    connect(address, options) {
      if (!isUp) return Promise.reject(new Error('the broker is down'));
      const { port1, port2 } = new MessageChannel();
      broker.acceptThread(port1);
      return threadTransport(port2).connect(address, options);
    },
  };
  return {
    dataDir,
    ...(over === 'threads' ? { transport } : {}),
    bootstrapServers: [`127.0.0.1:${broker.port}`],
    restart: async () => {
      const { port } = broker;
      isUp = false;
      await broker.close();
      broker = await start(port);
      isUp = true;
    },
    close: async () => {
      await broker.close();
      await rm(dataDir, { recursive: true, force: true });
    },
  };
}
