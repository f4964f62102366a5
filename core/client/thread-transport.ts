/** The transport to a broker in another thread of this process; every address leads there. */

import type { MessagePort } from 'node:worker_threads';
import { ThreadStream, threadStreamPair } from '../base/thread-stream.ts';
import type { Link, LinkEvents, Transport } from './transport.ts';

/** `door` leads to whoever accepts streams, as `acceptThreads` of the broker does; it is sent one end of each new stream. */
export function threadTransport(door: MessagePort): Transport {
  return {
    connect(_address, { signal, events }) {
      if (signal.aborted) return Promise.reject(signal.reason);
      const [own, other] = threadStreamPair();
      door.postMessage(other, [other.port]);
      return Promise.resolve(linkOf(new ThreadStream(own), events));
    },
  };
}

function linkOf(stream: ThreadStream, events: LinkEvents): Link {
  let failure: Error | undefined;
  stream.bind({
    onData(chunk) {
      try {
        deliver(chunk, events);
      } catch (error) {
        // A handler that throws has lost its place in the stream: the connection goes, the error is its reason.
        failure = error instanceof Error ? error : new Error(String(error));
        stream.destroy();
      }
    },
    onEnd: () => {},
    onClose: () => events.closed(failure),
  });
  return { write: (pieces, onFlushed) => stream.write(pieces, onFlushed), destroy: () => stream.destroy() };
}

function deliver(chunk: Buffer, events: LinkEvents): void {
  for (let at = 0; at < chunk.length; ) {
    const room = events.room();
    const count = chunk.copy(room, 0, at);
    at += count;
    events.filled(count);
  }
}
