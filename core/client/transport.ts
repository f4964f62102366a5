/** The transport as a port: an ordered byte stream to one broker, over TCP or between threads of one process. */

export interface LinkEvents {
  /** Where the link puts the next bytes; asked before each read, never empty. */
  room(): Buffer;
  /** The first `count` bytes of the last `room()` are filled. */
  filled(count: number): void;
  /** Once, after which nothing else is called; `error` is undefined when the other side closed in good order. */
  closed(error: Error | undefined): void;
}

export interface Link {
  /** Sends the pieces one behind the other. They must not change until `onFlushed` was called or the link closed. */
  write(pieces: readonly Uint8Array[], onFlushed?: () => void): void;
  /** Drops the connection at once; `closed` is called soon after. Idempotent. */
  destroy(): void;
}

export interface Address {
  readonly host: string;
  readonly port: number;
}

export interface Transport {
  /** Rejects when the other side cannot be reached within `timeoutMs`, or with the signal's reason. */
  connect(address: Address, options: { timeoutMs: number; signal: AbortSignal; events: LinkEvents }): Promise<Link>;
}

export function formatAddress({ host, port }: Address): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

/** Reads `host:port` or `[v6]:port`; undefined when it is neither. */
export function parseAddress(text: string): Address | undefined {
  const match = /^(?:\[(?<v6>[0-9a-fA-F:.]+)\]|(?<host>[^:[\]\s]+)):(?<port>\d{1,5})$/.exec(text.trim());
  const host = match?.groups?.['v6'] ?? match?.groups?.['host'];
  const port = Number(match?.groups?.['port']);
  return host !== undefined && port > 0 && port < 65_536 ? { host, port } : undefined;
}
