/** An S3 server on loopback for tests, benchmarks and demonstrations, with faults on request. */

import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Backing, memoryBacking } from './backing.ts';
import { readBody } from './body.ts';
import { Buckets } from './bucket.ts';
import { type Effect, Faults, seededRandom } from './faults.ts';
import { type Answer, operationOf, perform } from './operations.ts';
import { S3Error } from './s3-error.ts';
import { checkSignature } from './signature.ts';
import { toXml } from './xml.ts';

export interface S3ServerOptions {
  readonly port?: number;
  readonly backing?: Backing;
  /** Buckets that are there from the start. */
  readonly buckets?: readonly string[];
  /** Access key id to secret; `test` and `testtest` unless given. */
  readonly keys?: ReadonlyMap<string, string>;
  /** S3's own 5 MiB unless given. */
  readonly minPartBytes?: number;
  /** Of the faults. */
  readonly seed?: number;
}

export class S3Server {
  readonly buckets: Buckets;
  readonly faults: Faults;
  /** How often each operation was asked for. */
  readonly requests = new Map<string, number>();
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #keys: ReadonlyMap<string, string>;
  #port: number;

  private constructor(options: S3ServerOptions) {
    const { backing = memoryBacking(), buckets = ['bucket'], minPartBytes = 5 * 1024 * 1024 } = options;
    this.buckets = new Buckets(backing, buckets, minPartBytes);
    this.faults = new Faults(seededRandom(options.seed ?? 1));
    this.#keys = options.keys ?? new Map([['test', 'testtest']]);
    this.#port = options.port ?? 0;
    this.#server = createServer((request, response) => void this.#serve(request, response));
    this.#server.on('connection', (socket) => {
      this.#sockets.add(socket);
      socket.on('close', () => this.#sockets.delete(socket));
    });
  }

  static async start(options: S3ServerOptions = {}): Promise<S3Server> {
    const server = new S3Server(options);
    await server.reappear();
    return server;
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  /** Refuses connections until `reappear`; what is stored stays. */
  async disappear(): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }

  async reappear(): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(this.#port, '127.0.0.1', resolve);
    });
    this.#port = (this.#server.address() as AddressInfo).port;
  }

  async close(): Promise<void> {
    if (this.#server.listening) await this.disappear();
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    request.on('error', () => undefined);
    try {
      if (request.url === '/_faults' && request.method === 'POST') await this.#setFaults(request, response);
      else await this.#handle(request, response);
    } catch (error) {
      if (request.socket.destroyed) return;
      const fault = error instanceof S3Error ? error : new S3Error(500, 'InternalError', String(error));
      request.resume();
      send(response, request.method === 'HEAD', errorAnswer(fault.status, fault.code, fault.message));
    }
  }

  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const [path = '/', query = ''] = request.url!.split('?', 2);
    const [bucket = '', ...rest] = path.slice(1).split('/').map(decodeURIComponent);
    const key = rest.join('/');
    const search = new URLSearchParams(query.replaceAll('+', '%2B'));
    const operation = operationOf(request.method!, bucket, key, search);
    this.requests.set(operation, (this.requests.get(operation) ?? 0) + 1);
    const effect = this.faults.next(operation, key);
    if (await this.#failsFirst(effect, request, response)) return;
    checkSignature({ method: request.method!, path, query, headers: request.headers }, this.#keys, Date.now());
    const body = await readBody(request);
    const header = (name: string) =>
      name === '*' ? Object.keys(request.headers).join(',') : (request.headers[name] as string | undefined);
    const answer = perform(this.buckets, { operation, bucket, key, query: search, header, body });
    if (effect?.kind === 'lose-answer') request.socket.destroy();
    else send(response, request.method === 'HEAD', answer);
  }

  /** Applies what happens before the work; true when the work must not be done. */
  async #failsFirst(effect: Effect | undefined, request: IncomingMessage, response: ServerResponse): Promise<boolean> {
    switch (effect?.kind) {
      case 'error':
        request.resume();
        send(response, request.method === 'HEAD', errorAnswer(effect.status, effect.code, effect.code));
        return true;
      case 'error-body':
        request.resume();
        send(response, false, { ...errorAnswer(200, effect.code, effect.code), status: 200 });
        return true;
      case 'reset':
        request.socket.resetAndDestroy();
        return true;
      case 'hang':
        request.resume();
        return true;
      case 'delay':
        await sleep(effect.ms);
        return false;
      default:
        return false;
    }
  }

  /** For a server in another process: replaces the rules by a JSON list of them. */
  async #setFaults(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await readBody(request);
    this.faults.clear();
    this.faults.add(...JSON.parse(body.toString()));
    send(response, false, { status: 204 });
  }
}

function errorAnswer(status: number, code: string, message: string): Answer {
  return {
    status,
    headers: { 'content-type': 'application/xml' },
    body: toXml({ Error: { Code: code, Message: message, RequestId: 'test' } }),
  };
}

function send(response: ServerResponse, isHead: boolean, { status, headers = {}, body = '' }: Answer): void {
  const length = headers['content-length'] ?? String(Buffer.byteLength(body));
  response.writeHead(status, { ...headers, 'content-length': length, 'x-amz-request-id': 'test' });
  response.end(isHead ? undefined : body);
}
