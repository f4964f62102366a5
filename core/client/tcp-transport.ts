/** The transport over TCP: reads land in the buffer the caller gives, without an allocation per chunk. */

import { connect, type Socket } from 'node:net';
import type { Clock } from '../base/clock.ts';
import { clientErrors } from './error-codes.ts';
import { type Address, formatAddress, type Link, type LinkEvents, type Transport } from './transport.ts';

export function tcpTransport(clock: Clock): Transport {
  return { connect: (address, options) => openLink(clock, address, options) };
}

function openLink(
  clock: Clock,
  address: Address,
  { timeoutMs, signal, events }: { timeoutMs: number; signal: AbortSignal; events: LinkEvents },
): Promise<Link> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(signal.reason);
    let room: Buffer | undefined;
    const socket = connect({
      ...address,
      noDelay: true,
      keepAlive: true,
      onread: {
        buffer: () => {
          room = events.room();
          return room;
        },
        callback: (count) => {
          deliver(socket, events, count);
          return true;
        },
      },
    });
    let failure: Error | undefined;
    const onAbort = () => socket.destroy(asError(signal.reason));
    const timer = clock.timer(timeoutMs, () => socket.destroy(connectTimeout(address, timeoutMs)));
    signal.addEventListener('abort', onAbort, { once: true });
    const settle = () => {
      timer.cancel();
      signal.removeEventListener('abort', onAbort);
    };
    const onRefused = () => {
      settle();
      reject(
        failure ?? clientErrors.error('unreachable', { message: 'The connection closed while it was being opened' }),
      );
    };
    socket.on('error', (error) => {
      failure = error;
    });
    socket.once('close', onRefused);
    socket.once('connect', () => {
      settle();
      socket.off('close', onRefused);
      socket.once('close', () => events.closed(failure));
      resolve(linkOf(socket));
    });
  });
}

/** A handler that throws has lost its place in the stream: the connection goes, the error is its reason. */
function deliver(socket: Socket, events: LinkEvents, count: number): void {
  try {
    events.filled(count);
  } catch (error) {
    socket.destroy(asError(error));
  }
}

function linkOf(socket: Socket): Link {
  return {
    write(pieces, onFlushed) {
      if (socket.destroyed) return;
      socket.cork();
      const last = pieces.length - 1;
      for (const [i, piece] of pieces.entries()) socket.write(piece, i === last ? onFlushed : undefined);
      socket.uncork();
    },
    destroy: () => socket.destroy(),
  };
}

function connectTimeout(address: Address, timeoutMs: number): Error {
  return clientErrors.error('unreachable', {
    message: `No connection within ${timeoutMs} ms`,
    where: formatAddress(address),
  });
}

function asError(reason: unknown): Error {
  return reason instanceof Error ? reason : new Error(String(reason));
}
