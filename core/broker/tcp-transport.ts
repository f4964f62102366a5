/** The TCP side of the transport port, and the listener that accepts connections. */

import { createServer, type Server, type Socket } from 'node:net';
import { messageOf } from '../base/errors.ts';
import { readDirectly } from './direct-socket.ts';
import { brokerErrors } from './error-codes.ts';
import type { Transport, TransportEvents } from './transport.ts';

class TcpTransport implements Transport {
  readonly peer: string;
  readonly #socket: Socket;
  #events: TransportEvents | undefined;
  #isCorked = false;

  constructor(accepted: Socket) {
    this.peer = accepted.remoteAddress ?? 'unknown';
    this.#socket = readDirectly(accepted, (chunk) => this.#events?.onData(chunk));
    this.#socket.setNoDelay(true);
    // The reason of a broken socket is the peer's business; 'close' always follows.
    this.#socket.on('error', () => {});
  }

  bind(events: TransportEvents): void {
    this.#events = events;
    this.#socket.on('end', () => events.onEnd());
    this.#socket.on('close', () => events.onClose());
  }

  write(pieces: readonly Buffer[], onFlushed: () => void): void {
    this.#cork();
    const last = pieces.length - 1;
    for (let index = 0; index < last; index++) this.#socket.write(pieces[index] as Buffer);
    const end = pieces[last];
    if (end === undefined) onFlushed();
    else this.#socket.write(end, (error) => (error ? undefined : onFlushed()));
  }

  /** Holds back what this turn of the event loop writes, so that many small replies leave in one system call. */
  #cork(): void {
    if (this.#isCorked) return;
    this.#isCorked = true;
    this.#socket.cork();
    process.nextTick(() => {
      this.#isCorked = false;
      this.#socket.uncork();
    });
  }

  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  /** Does not wait for the peer to end its side too. */
  end(): void {
    this.#socket.destroySoon();
  }

  destroy(): void {
    this.#socket.destroy();
  }
}

export interface ListenAddress {
  readonly host: string;
  /** 0 takes a free port. */
  readonly port: number;
}

export interface Listener {
  readonly host: string;
  readonly port: number;
  /** Accepts nothing more; open connections stay open. */
  close(): Promise<void>;
}

/** Resolves once the port is open; rejects with `broker/listen` when it cannot be. */
export async function listenTcp(address: ListenAddress, accept: (transport: Transport) => void): Promise<Listener> {
  const server = createServer({ allowHalfOpen: true, pauseOnConnect: true }, (socket) => {
    accept(new TcpTransport(socket));
  });
  await open(server, address);
  const bound = server.address();
  const port = typeof bound === 'object' && bound !== null ? bound.port : address.port;
  return { host: address.host, port, close: () => shut(server) };
}

function open(server: Server, { host, port }: ListenAddress): Promise<void> {
  return new Promise((resolve, reject) => {
    const onError = (error: Error) => {
      const message = `cannot listen: ${messageOf(error)}`;
      reject(brokerErrors.error('listen', { message, where: `${host}:${port}`, cause: error }));
    };
    server.once('error', onError);
    server.listen({ host, port, backlog: 1024 }, () => {
      server.off('error', onError);
      // A failed accept (no file descriptors left) refuses that one client; the listener stays.
      server.on('error', () => {});
      resolve();
    });
  });
}

/** Does not wait for the connections: the broker drains those itself. */
function shut(server: Server): Promise<void> {
  server.close();
  return Promise.resolve();
}
