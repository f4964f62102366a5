/** A TCP proxy on a port that stays while the broker behind it comes and goes: cuts connections between any two bytes. */

import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';

export interface CuttingProxy {
  readonly port: number;
  /** Where the next connections go. */
  target: number;
  /** Drops all connections at once. */
  cut(): void;
  /** Lets so many more bytes pass in both directions together, then drops everything; resolves when it has. */
  cutAfter(bytes: number): Promise<void>;
  /** Requests still reach the broker, answers no longer reach the client. */
  isLosingAnswers: boolean;
  close(): Promise<void>;
}

export async function startCuttingProxy(): Promise<CuttingProxy> {
  const sockets = new Set<Socket>();
  let allowance = Number.POSITIVE_INFINITY;
  let onCut = () => {};
  const pass = (from: Socket, to: Socket, isAnswer: boolean) => {
    from.on('data', (chunk) => {
      if (isAnswer && proxy.isLosingAnswers) return;
      const part = chunk.subarray(0, Math.min(chunk.length, allowance));
      allowance -= part.length;
      if (!to.write(part)) from.pause();
      if (allowance > 0) return;
      // What was let through has to arrive, or the cut would lie between whole requests only.
      to.end();
      proxy.cut();
    });
    to.on('drain', () => from.resume());
  };
  const server = createServer((client) => {
    const broker = connect({ host: '127.0.0.1', port: proxy.target, noDelay: true });
    client.setNoDelay(true);
    for (const socket of [client, broker]) {
      sockets.add(socket);
      socket.on('error', () => {});
      socket.on('close', () => {
        sockets.delete(socket);
        client.destroy();
        broker.destroySoon();
      });
    }
    pass(client, broker, false);
    pass(broker, client, true);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const bound = server.address();
  if (bound === null || typeof bound === 'string') throw new Error('the proxy has no port');
  const proxy: CuttingProxy = {
    port: bound.port,
    target: 0,
    isLosingAnswers: false,
    cut: () => {
      allowance = Number.POSITIVE_INFINITY;
      for (const socket of sockets) socket.destroySoon();
      onCut();
    },
    cutAfter: (bytes) =>
      new Promise((resolve) => {
        allowance = bytes;
        onCut = () => {
          onCut = () => {};
          resolve();
        };
      }),
    close: async () => {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
  return proxy;
}
