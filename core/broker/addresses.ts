/** What an address to listen on means for clients: where they find the broker, and who else could. */

import { hostname } from 'node:os';
import type { ListenAddress } from './tcp-transport.ts';

const wildcards: ReadonlySet<string> = new Set(['0.0.0.0', '::', '']);

/** Listening everywhere is not a place to connect to: clients are told this machine's name then. */
export function advertisedAddress(listen: ListenAddress, advertised: ListenAddress | undefined): ListenAddress {
  if (advertised !== undefined) return advertised;
  return { host: wildcards.has(listen.host) ? hostname() : listen.host, port: listen.port };
}

/** True when only this machine can reach the address. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127\.\d+\.\d+\.\d+$/.test(host);
}
