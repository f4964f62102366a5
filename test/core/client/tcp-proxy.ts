/** A small TCP proxy between a client and a broker: it cuts connections, and can lose answers before it does. */

import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import type { Address, Transport } from '../../../core/client/transport.ts';

export interface TcpProxy {
  readonly address: Address;
  /** Everything that goes through a client with this transport meets the proxy, whatever address the broker names. */
  through(transport: Transport): Transport;
  /** Drops all connections at once. */
  cut(): void;
  /** Requests still reach the broker, answers no longer reach the client. */
  loseAnswers(isLosing: boolean): void;
  /** Connections opened so far. */
  readonly connectionCount: number;
  close(): Promise<void>;
}

export async function startTcpProxy(target: Address): Promise<TcpProxy> {
  const pairs = new Set<readonly [client: Socket, broker: Socket]>();
  let isLosing = false;
  let connectionCount = 0;
  const server = createServer((client) => {
    connectionCount++;
    const broker = connect({ ...target, noDelay: true });
    const pair = [client.setNoDelay(true), broker] as const;
    pairs.add(pair);
    for (const socket of pair) {
      socket.on('error', () => {});
      socket.on('close', () => {
        pairs.delete(pair);
        client.destroy();
        broker.destroy();
      });
    }
    client.pipe(broker);
    broker.on('data', (chunk) => {
      if (!isLosing) client.write(chunk);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const bound = server.address();
  if (bound === null || typeof bound === 'string') throw new Error('the proxy has no port');
  const address = { host: '127.0.0.1', port: bound.port };
  const cut = () => {
    for (const [client, broker] of pairs) {
      client.destroy();
      broker.destroy();
    }
  };
  return {
    address,
    through: (transport) => ({ connect: (_, options) => transport.connect(address, options) }),
    cut,
    loseAnswers: (losing) => {
      isLosing = losing;
    },
    get connectionCount() {
      return connectionCount;
    },
    close: async () => {
      cut();
      server.close();
      await once(server, 'close');
    },
  };
}
