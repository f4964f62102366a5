/** HOST:PORT as people write it on the command line. */

import { cliErrors } from './error-codes.ts';

export interface Address {
  readonly host: string;
  readonly port: number;
}

/** Takes `host:port`, `:port`, `port` and `[v6]:port`; throws `cli/usage` with the option's name. */
export function parseAddress(text: string, option: string, defaultHost = '127.0.0.1'): Address {
  const match = /^(?:(\[[0-9a-fA-F:]+\]|[^:]*):)?(\d{1,5})$/.exec(text);
  const port = Number(match?.[2]);
  if (match === null || port > 65_535) {
    throw cliErrors.error('usage', {
      message: `"${text}" is not an address`,
      where: option,
      fix: 'Write HOST:PORT, for example 127.0.0.1:9092; port 0 picks a free one.',
    });
  }
  const host = (match[1] ?? '').replace(/^\[|\]$/g, '');
  return { host: host === '' ? defaultHost : host, port };
}

export function formatAddress({ host, port }: Address): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}
