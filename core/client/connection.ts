/** One connection to one broker: requests out in order, answers matched in order, each with its own deadline. */

import type { Clock, Timer } from '../base/clock.ts';
import { MillraceError, messageOf } from '../base/errors.ts';
import type { AnyApi, Api } from '../protocol/api.ts';
import { apiVersionsApi } from '../protocol/apis/api-versions.ts';
import type { Decoded, Encodable, Fields } from '../protocol/field.ts';
import { decodeResponseHeader, encodeRequestFrame } from '../protocol/frame.ts';
import { kafkaErrorName, kafkaErrors } from '../protocol/kafka-errors.ts';
import { Reader } from '../protocol/reader.ts';
import { abortable } from './abortable.ts';
import { NegotiatedVersions } from './api-versions.ts';
import { clientErrors } from './error-codes.ts';
import { FrameAssembler } from './frame-assembler.ts';
import { InFlightRequests } from './in-flight.ts';
import { type Address, formatAddress, type Link, type LinkEvents, type Transport } from './transport.ts';

/** Brokers show these in their own metrics and logs. */
const clientSoftware = { clientSoftwareName: 'millrace', clientSoftwareVersion: '0.1' };

export interface ConnectionOptions {
  readonly transport: Transport;
  readonly address: Address;
  readonly clientId: string;
  readonly clock: Clock;
  readonly connectTimeoutMs: number;
  readonly requestTimeoutMs: number;
  readonly maxFrameBytes: number;
  readonly signal: AbortSignal;
}

export interface RequestOptions {
  /** Of the answer; the connection is dropped when it is missed, because answers come in order. */
  readonly timeoutMs?: number | undefined;
  /** For an API whose later versions ask in another shape. */
  readonly maxVersion?: number | undefined;
  /** Ends the wait alone: the request has been sent, and its answer is ignored. */
  readonly signal?: AbortSignal | undefined;
}

interface PendingRequest {
  readonly correlationId: number;
  readonly apiName: string;
  readonly deadlineMs: number;
  readonly api: AnyApi;
  readonly version: number;
  complete(reader: Reader): void;
  reject(error: unknown): void;
}

export class Connection {
  readonly where: string;
  readonly #options: ConnectionOptions;
  readonly #inFlight = new InFlightRequests<PendingRequest>();
  readonly #frames: FrameAssembler;
  #link: Link | undefined;
  #versions: NegotiatedVersions | undefined;
  #nextCorrelationId = 1;
  #timer: Timer | undefined;
  #timerDueMs = Number.POSITIVE_INFINITY;
  #failure: Error | undefined;

  private constructor(options: ConnectionOptions) {
    this.#options = options;
    this.where = formatAddress(options.address);
    this.#frames = new FrameAssembler({
      maxFrameBytes: options.maxFrameBytes,
      where: this.where,
      onFrame: (frame) => this.#receive(frame),
    });
  }

  /** Connects and agrees on versions. Rejects with `client/unreachable`, `client/malformed` or `client/unsupported`. */
  static async open(options: ConnectionOptions): Promise<Connection> {
    const connection = new Connection(options);
    await connection.#connect();
    try {
      await connection.#negotiate();
    } catch (error) {
      connection.close();
      throw error;
    }
    return connection;
  }

  get isClosed(): boolean {
    return this.#failure !== undefined;
  }

  /**
   * Sends at once and resolves to the answer. Rejects with `client/disconnected`, `client/timeout`, `client/malformed`
   * (the connection is closed then) or `client/unsupported`. Error codes inside the answer are the caller's to read.
   */
  request<Q extends Fields, S extends Fields>(
    api: Api<Q, S>,
    request: Encodable<Q>,
    options: RequestOptions = {},
  ): Promise<Decoded<S>> {
    return this.#send(api, request, options, (version, reader) => api.decodeResponse(reader, version));
  }

  /** Nobody reads the answer any more that these bytes are a part of: its memory receives a later one. */
  giveBack(bytes: Buffer): void {
    this.#frames.giveBack(bytes);
  }

  /** Drops the connection; what waits for an answer is rejected. Idempotent. */
  close(): void {
    this.#fail(clientErrors.error('closed', { message: 'The connection was closed', where: this.where }));
  }

  async #connect(): Promise<void> {
    const { transport, address, connectTimeoutMs, signal } = this.#options;
    const events: LinkEvents = {
      room: () => this.#frames.room(),
      filled: (count) => this.#frames.filled(count),
      closed: (error) => this.#fail(this.#disconnected(error)),
    };
    try {
      this.#link = await transport.connect(address, { timeoutMs: connectTimeoutMs, signal, events });
    } catch (cause) {
      if (signal.aborted || clientErrors.is(cause, 'unreachable')) throw cause;
      throw clientErrors.error('unreachable', { message: messageOf(cause), where: this.where, cause });
    }
  }

  /** A broker that does not know the version answers in the oldest one, with the versions it has. */
  async #negotiate(): Promise<void> {
    let version = apiVersionsApi.maxVersion;
    for (let attempt = 1; ; attempt++) {
      const asked = version;
      // A broker whose process hangs still accepts connections: the first answer counts as part of connecting.
      const options = { version: asked, timeoutMs: this.#options.connectTimeoutMs };
      const answer = await this.#send(apiVersionsApi, clientSoftware, options, (_, reader) => {
        const start = reader.position;
        const isRefused = reader.int16() === kafkaErrors.UNSUPPORTED_VERSION;
        reader.position = start;
        return apiVersionsApi.decodeResponse(reader, isRefused ? 0 : asked);
      });
      if (answer.errorCode === kafkaErrors.NONE) {
        this.#versions = new NegotiatedVersions(answer.apiKeys, this.where);
        return;
      }
      const offered = answer.apiKeys.find(({ apiKey }) => apiKey === apiVersionsApi.key)?.maxVersion ?? 0;
      if (attempt > 1 || answer.errorCode !== kafkaErrors.UNSUPPORTED_VERSION || offered >= version) {
        const message = `The broker refused to name its versions: ${kafkaErrorName(answer.errorCode)}`;
        throw clientErrors.error('unsupported', { message, where: this.where });
      }
      version = offered;
    }
  }

  #send<Q extends Fields, S extends Fields, T>(
    api: Api<Q, S>,
    request: Encodable<Q>,
    options: RequestOptions & { version?: number },
    decode: (version: number, reader: Reader) => T,
  ): Promise<T> {
    const { clock, clientId, requestTimeoutMs } = this.#options;
    const answer = new Promise<T>((resolve, reject) => {
      if (this.#failure !== undefined) throw this.#failure;
      const version = options.version ?? this.#versions!.versionFor(api, options.maxVersion);
      const correlationId = this.#nextCorrelationId;
      this.#nextCorrelationId = (correlationId + 1) & 0x7fff_ffff;
      const pieces = encodeRequestFrame(api, { version, correlationId, clientId }, request);
      this.#inFlight.add({
        correlationId,
        apiName: api.name,
        deadlineMs: clock.monotonicMs() + (options.timeoutMs ?? requestTimeoutMs),
        api,
        version,
        complete: (reader) => resolve(decode(version, reader)),
        reject,
      });
      this.#link!.write(pieces);
      this.#watchDeadlines();
    });
    return abortable(answer, options.signal);
  }

  #receive(frame: Buffer): void {
    const reader = new Reader(frame);
    const request = this.#inFlight.answered(frame.readInt32BE(0), this.where);
    try {
      decodeResponseHeader(reader, request.api, request.version);
      request.complete(reader);
    } catch (cause) {
      const error = clientErrors.error('malformed', {
        message: `The answer to ${request.apiName} version ${request.version} cannot be read: ${messageOf(cause)}`,
        where: this.where,
        cause,
      });
      request.reject(error);
      throw error;
    }
    if (this.#inFlight.count === 0) this.#stopTimer();
  }

  /** One timer for the earliest deadline; it is set anew only when a request comes that is due before it fires. */
  #watchDeadlines(): void {
    const { clock } = this.#options;
    const dueMs = this.#inFlight.nextDeadlineMs();
    if (dueMs >= this.#timerDueMs) return;
    this.#stopTimer();
    this.#timerDueMs = dueMs;
    this.#timer = clock.timer(dueMs - clock.monotonicMs(), () => {
      this.#timerDueMs = Number.POSITIVE_INFINITY;
      const overdue = this.#inFlight.overdue(clock.monotonicMs());
      if (overdue === undefined) this.#watchDeadlines();
      else
        this.#fail(
          clientErrors.error('timeout', { message: `${overdue.apiName} was not answered in time`, where: this.where }),
        );
    });
  }

  #stopTimer(): void {
    this.#timer?.cancel();
    this.#timerDueMs = Number.POSITIVE_INFINITY;
  }

  #disconnected(cause: Error | undefined): Error {
    if (cause instanceof MillraceError) return cause;
    const message = cause === undefined ? 'The broker closed the connection' : `The connection broke: ${cause.message}`;
    return clientErrors.error('disconnected', { message, where: this.where, cause });
  }

  #fail(error: Error): void {
    if (this.#failure !== undefined) return;
    this.#failure = error;
    this.#stopTimer();
    this.#link?.destroy();
    for (const request of this.#inFlight.takeAll()) request.reject(error);
  }
}
