/** From a frame to its reply: header, version gate, handler; a request that cannot be answered closes its connection. */

import { describeError } from '../base/errors.ts';
import type { Logger } from '../base/logger.ts';
import { apiVersionsApi } from '../protocol/apis/api-versions.ts';
import { decodeRequestHeader, encodeResponseFrame, type RequestHeader } from '../protocol/frame.ts';
import { kafkaErrors } from '../protocol/kafka-errors.ts';
import { Reader } from '../protocol/reader.ts';
import type { ApiHandler } from './api-handler.ts';
import type { Exchange, Reply } from './connection.ts';

export class Dispatcher {
  readonly #handlers = new Map<number, ApiHandler>();
  readonly #logger: Logger;
  #requestCount = 0;

  constructor(handlers: readonly ApiHandler[], logger: Logger) {
    for (const handler of handlers) this.#handlers.set(handler.key, handler);
    this.#logger = logger;
  }

  get requestCount(): number {
    return this.#requestCount;
  }

  /** Never throws and never rejects: every failure is a reply or a hang-up. */
  serve(frame: Buffer, exchange: Exchange): Reply | Promise<Reply> {
    this.#requestCount++;
    try {
      const reader = new Reader(frame);
      const header = decodeRequestHeader(reader);
      const handler = this.#handlers.get(header.apiKey);
      if (handler === undefined) return this.#refuse(header, exchange, 'an API this broker does not have');
      if (header.apiVersion < handler.minVersion || header.apiVersion > handler.maxVersion) {
        // Clients begin with their newest ApiVersions and step down when they are told to.
        if (header.apiKey === apiVersionsApi.key) return this.#versionMismatch(header.correlationId);
        return this.#refuse(header, exchange, 'a version this broker does not have');
      }
      const call = { ...exchange, version: header.apiVersion, clientId: header.clientId ?? '' };
      const reply = handler.serve(reader, header.correlationId, call);
      if (!(reply instanceof Promise)) return reply;
      return reply.catch((error: unknown) => this.#fail(error, exchange, handler.name));
    } catch (error) {
      return this.#fail(error, exchange, 'a request');
    }
  }

  /** The body of version 0 is what every client can read. Source: KIP-511. */
  #versionMismatch(correlationId: number): Reply {
    const own = this.#handlers.get(apiVersionsApi.key);
    const apiKeys =
      own === undefined ? [] : [{ apiKey: own.key, minVersion: own.minVersion, maxVersion: own.maxVersion }];
    return encodeResponseFrame(
      apiVersionsApi,
      { version: 0, correlationId },
      { errorCode: kafkaErrors.UNSUPPORTED_VERSION, apiKeys },
    );
  }

  #refuse(header: RequestHeader, exchange: Exchange, what: string): Reply {
    const fields = { peer: exchange.client.host, apiKey: header.apiKey, apiVersion: header.apiVersion };
    this.#logger.warn(fields, `connection closed: the client asked for ${what}`);
    return 'hang-up';
  }

  #fail(error: unknown, exchange: Exchange, what: string): Reply {
    this.#logger.error({ peer: exchange.client.host }, `connection closed: ${what} failed: ${describeError(error)}`);
    return 'hang-up';
  }
}
