/** The embedded broker for client tests: in a temporary folder, on a free port that it keeps across restarts. */

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '../../../core/base/clock.ts';
import { silentLogger } from '../../../core/base/logger.ts';
import { nodeDisk } from '../../../core/base/node-disk.ts';
import { startBroker } from '../../../core/index.ts';
import type { BrokerUnderTest } from '../../kits/client-kit.ts';

export interface EmbeddedBroker extends BrokerUnderTest {
  readonly dataDir: string;
}

export async function startEmbeddedBroker(): Promise<EmbeddedBroker> {
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
  return {
    dataDir,
    bootstrapServers: [`127.0.0.1:${broker.port}`],
    restart: async () => {
      const { port } = broker;
      await broker.close();
      broker = await start(port);
    },
    close: async () => {
      await broker.close();
      await rm(dataDir, { recursive: true, force: true });
    },
  };
}
