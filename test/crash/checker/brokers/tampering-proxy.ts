/** A proxy that understands the protocol and puts bugs into the broker behind it, as its clients see it. */

import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import type { Api } from '../../../../core/protocol/api.ts';
import type { Decoded, Encodable, Fields } from '../../../../core/protocol/field.ts';
import {
  decodeRequestHeader,
  encodeRequestFrame,
  encodeResponseFrame,
  FrameReader,
  type RequestHeader,
} from '../../../../core/protocol/frame.ts';
import { Reader } from '../../../../core/protocol/reader.ts';

export interface Passing {
  readonly header: RequestHeader;
  /** The request, when it is one of this API. */
  as<Q extends Fields, S extends Fields>(api: Api<Q, S>): Decoded<Q> | undefined;
  /** Goes to the broker in place of the original. */
  replace<Q extends Fields, S extends Fields>(api: Api<Q, S>, request: Encodable<Q>): void;
  /** The client gets this at once; what the broker says later is dropped. */
  answer<Q extends Fields, S extends Fields>(api: Api<Q, S>, response: Encodable<S>): void;
  /** This request and what follows on its connection reach the broker so much later. */
  delayMs: number;
}

export interface Tampering {
  onRequest(passing: Passing): void;
  /** The whole answer behind its length, as the broker gave it. */
  onAnswer?(header: RequestHeader, answer: Buffer): void;
}

const maxFrameBytes = 16 * 1024 * 1024;

export async function startTamperingProxy(
  target: number,
  tampering: Tampering,
): Promise<{ port: number; close(): Promise<void> }> {
  const sockets = new Set<Socket>();
  const server = createServer((client) => {
    const broker = connect({ host: '127.0.0.1', port: target, noDelay: true });
    for (const socket of [client.setNoDelay(true), broker]) {
      sockets.add(socket);
      socket.on('error', () => {});
      socket.on('close', () => {
        sockets.delete(socket);
        client.destroy();
        broker.destroy();
      });
    }
    relay(client, broker, tampering);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const bound = server.address();
  if (bound === null || typeof bound === 'string') throw new Error('the proxy has no port');
  return {
    port: bound.port,
    close: async () => {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}

function relay(client: Socket, broker: Socket, tampering: Tampering): void {
  const waiting = new Map<number, { header: RequestHeader; isAnswered: boolean }>();
  let passed: Promise<unknown> = Promise.resolve();
  const requests = new FrameReader({ maxFrameBytes });
  client.on('data', (chunk) =>
    requests.push(chunk, (frame) => {
      const { passing, outcome } = look(Buffer.from(frame));
      tampering.onRequest(passing);
      waiting.set(passing.header.correlationId, { header: passing.header, isAnswered: outcome.answer !== undefined });
      if (outcome.answer !== undefined) client.write(outcome.answer);
      passed = passed.then(async () => {
        if (passing.delayMs > 0) await new Promise((resolve) => setTimeout(resolve, passing.delayMs));
        broker.write(outcome.request);
      });
    }),
  );
  const answers = new FrameReader({ maxFrameBytes });
  broker.on('data', (chunk) =>
    answers.push(chunk, (frame) => {
      const request = waiting.get(frame.readInt32BE(0));
      waiting.delete(frame.readInt32BE(0));
      if (request?.isAnswered === true) return;
      if (request !== undefined) tampering.onAnswer?.(request.header, frame);
      client.write(withLength(frame));
    }),
  );
}

function look(frame: Buffer): { passing: Passing; outcome: { request: Buffer; answer?: Buffer } } {
  const outcome: { request: Buffer; answer?: Buffer } = { request: withLength(frame) };
  const reader = new Reader(frame);
  const header = decodeRequestHeader(reader);
  const { apiKey, apiVersion: version, correlationId, clientId } = header;
  const passing: Passing = {
    header,
    as: (api) => (api.key === apiKey ? api.decodeRequest(reader, version) : undefined),
    replace: (api, request) => {
      outcome.request = Buffer.concat(encodeRequestFrame(api, { version, correlationId, clientId }, request));
    },
    answer: (api, response) => {
      outcome.answer = Buffer.concat(encodeResponseFrame(api, { version, correlationId }, response));
    },
    delayMs: 0,
  };
  return { passing, outcome };
}

function withLength(frame: Buffer): Buffer {
  const length = Buffer.alloc(4);
  length.writeInt32BE(frame.length);
  return Buffer.concat([length, frame]);
}
