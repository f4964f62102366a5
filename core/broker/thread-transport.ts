/** The transport port for clients in other threads of this process, without a socket between. */

import type { MessagePort } from 'node:worker_threads';
import { ThreadStream, type ThreadStreamEnd } from '../base/thread-stream.ts';
import type { Transport, TransportEvents } from './transport.ts';

class ThreadTransport implements Transport {
  readonly peer = 'this process';
  readonly #stream: ThreadStream;

  constructor(end: ThreadStreamEnd) {
    this.#stream = new ThreadStream(end);
  }

  bind(events: TransportEvents): void {
    this.#stream.bind(events);
  }

  write(pieces: readonly Buffer[], onFlushed: () => void): void {
    this.#stream.write(pieces, onFlushed);
  }

  pause(): void {
    this.#stream.pause();
  }

  resume(): void {
    this.#stream.resume();
  }

  end(): void {
    this.#stream.end();
  }

  destroy(): void {
    this.#stream.destroy();
  }
}

/** Accepts every stream that comes through the door until its thread is gone; the door keeps no process alive. */
export function acceptThreads(door: MessagePort, accept: (transport: Transport) => void): void {
  door.on('message', (end: ThreadStreamEnd) => accept(new ThreadTransport(end)));
  door.unref();
}
