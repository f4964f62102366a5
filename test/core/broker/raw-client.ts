/** A client that writes exactly the bytes a test wants and matches replies strictly in order. */

import net from 'node:net';
import type { Api, RequestInput, ResponseOf } from '../../../core/protocol/api.ts';
import type { Fields } from '../../../core/protocol/field.ts';
import { decodeResponseHeader, encodeRequestFrame, FrameReader } from '../../../core/protocol/frame.ts';
import { Reader } from '../../../core/protocol/reader.ts';

interface Waiting {
  readonly resolve: (frame: Buffer) => void;
  readonly reject: (error: Error) => void;
}

export class RawClient {
  readonly socket: net.Socket;
  readonly closed: Promise<void>;
  bytesReceived = 0;
  #nextCorrelationId = 1;
  readonly #waiting: Waiting[] = [];

  constructor(socket: net.Socket) {
    this.socket = socket;
    const frames = new FrameReader({ maxFrameBytes: 200 * 1024 * 1024 });
    socket.on('data', (chunk: Buffer) => {
      this.bytesReceived += chunk.length;
      frames.push(chunk, (frame) => this.#waiting.shift()?.resolve(Buffer.from(frame)));
    });
    socket.on('error', () => {});
    this.closed = new Promise((resolve) => {
      socket.on('close', () => {
        for (const waiting of this.#waiting.splice(0)) waiting.reject(new Error('connection closed'));
        resolve();
      });
    });
  }

  static connect(port: number): Promise<RawClient> {
    return new Promise((resolve, reject) => {
      const socket = net.connect(port, '127.0.0.1', () => resolve(new RawClient(socket)));
      socket.setNoDelay(true);
      socket.once('error', reject);
    });
  }

  /** The bytes of one request, for tests that cut them up. */
  encode<A extends Api<Fields, Fields>>(api: A, version: number, request: RequestInput<A>): Buffer {
    const header = { version, correlationId: this.#nextCorrelationId, clientId: 'raw' };
    return Buffer.concat(encodeRequestFrame(api, header, request as never));
  }

  /** Sends a request and resolves to the next reply, which must be its own. */
  async ask<Q extends Fields, S extends Fields>(
    api: Api<Q, S>,
    version: number,
    request: RequestInput<Api<Q, S>>,
  ): Promise<ResponseOf<Api<Q, S>>> {
    const bytes = this.encode(api as never, version, request as never);
    const correlationId = this.#nextCorrelationId++;
    const reply = this.nextFrame();
    this.socket.write(bytes);
    const reader = new Reader(await reply);
    const answered = decodeResponseHeader(reader, api as never, version);
    if (answered !== correlationId) throw new Error(`reply ${answered} came for request ${correlationId}`);
    return api.decodeResponse(reader, version) as ResponseOf<Api<Q, S>>;
  }

  nextFrame(): Promise<Buffer> {
    return new Promise((resolve, reject) => this.#waiting.push({ resolve, reject }));
  }

  close(): Promise<void> {
    this.socket.destroy();
    return this.closed;
  }
}
