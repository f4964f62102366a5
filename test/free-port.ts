/** Ports for programs that cannot be told to pick one themselves. */

import { once } from 'node:events';
import { createServer } from 'node:net';

/** Below the range from which the system gives ports to connections that are made: one of those could take it meanwhile. */
const [firstPort, portCount] = [15_000, 16_000];

/** A port that was free a moment ago. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = firstPort + Math.floor(Math.random() * portCount);
    if (await isFree(port)) return port;
  }
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer();
  try {
    const listening = once(server, 'listening');
    server.listen(port, '127.0.0.1');
    await listening;
  } catch {
    return false;
  }
  server.close();
  await once(server, 'close');
  return true;
}
