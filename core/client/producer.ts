/** The producer: takes finished batches, sends them in few requests to the right brokers, and says when each is stored. */

import { batchRecordCount } from '../protocol/batch-header.ts';
import { ByteBudget } from './byte-budget.ts';
import type { Cluster } from './cluster.ts';
import { clientErrors } from './error-codes.ts';
import { ProduceDispatcher } from './produce-dispatcher.ts';
import { type PendingBatch, pendingBatch } from './produce-lane.ts';
import type { ProducerTransaction } from './producer-identity.ts';

export interface ProducerOptions {
  /** On unless false, and only with `acks` -1: a batch sent again after a lost answer is stored once. */
  readonly idempotent?: boolean;
  /** -1 (on all replicas in sync; on disk where a broker is alone) unless told. */
  readonly acks?: -1 | 1;
  /** Requests in flight to one broker, and batches to one partition: at most 5 when idempotent, which is what brokers remember; else one batch to a partition. */
  readonly maxInFlightPerConnection?: number;
  readonly maxRequestBytes?: number;
  readonly requestTimeoutMs?: number;
  /** From `send` to the acknowledgement, retries included. */
  readonly deliveryTimeoutMs?: number;
  /** `send` waits while more than this is on its way. */
  readonly maxBufferedBytes?: number;
}

export interface ProduceBatch {
  readonly topic: string;
  readonly partition: number;
  /** One batch as the builder made it. It is patched in place and must not be touched until `send` has settled. */
  readonly batch: Buffer;
}

export interface StoredBatch {
  readonly topic: string;
  readonly partition: number;
  /** -1 when the broker has the batch but no longer knows where. */
  readonly baseOffset: number;
}

const defaults: Required<ProducerOptions> = {
  idempotent: true,
  acks: -1,
  maxInFlightPerConnection: 5,
  maxRequestBytes: 16 * 1024 * 1024,
  requestTimeoutMs: 30_000,
  deliveryTimeoutMs: 120_000,
  maxBufferedBytes: 32 * 1024 * 1024,
};

/** Batches of one partition a broker remembers of an idempotent producer. */
const rememberedBatches = 5;

export function createProducer(cluster: Cluster, options: ProducerOptions = {}): Producer {
  return new Producer(cluster, options);
}

export class Producer {
  readonly #cluster: Cluster;
  readonly #deliveryTimeoutMs: number;
  readonly #dispatcher: ProduceDispatcher;
  readonly #budget: ByteBudget;
  readonly #closing = new AbortController();

  constructor(cluster: Cluster, options: ProducerOptions, transaction?: ProducerTransaction) {
    this.#cluster = cluster;
    const { deliveryTimeoutMs, maxBufferedBytes, maxInFlightPerConnection, idempotent, ...rest } = {
      ...defaults,
      ...options,
    };
    const isIdempotent = idempotent && rest.acks === -1;
    const maxInFlight = Math.max(
      1,
      Math.min(maxInFlightPerConnection, isIdempotent ? rememberedBatches : Number.MAX_SAFE_INTEGER),
    );
    this.#deliveryTimeoutMs = deliveryTimeoutMs;
    this.#budget = new ByteBudget(maxBufferedBytes);
    this.#dispatcher = new ProduceDispatcher({
      ...rest,
      cluster,
      isIdempotent,
      transaction,
      maxInFlight,
      closing: this.#closing.signal,
    });
    cluster.closing.addEventListener('abort', () => this.close(), { signal: this.#closing.signal });
  }

  /** Bytes taken by `send` and not settled yet. */
  get bufferedBytes(): number {
    return this.#budget.usedBytes;
  }

  /**
   * Resolves when every batch is stored, with their offsets in the same order. Batches of one partition are stored in
   * the order of the calls and of the list. When one fails, those behind it in its partition are given up; the call
   * rejects with the first failure once all its batches are settled: `client/too-large`, `client/refused`,
   * `client/delivery-timeout`, `client/not-sent`, `client/sequence-lost`, `client/fenced`, `client/closed`. After an
   * abort it rejects at once with the signal's reason; what was sent by then may still be stored.
   */
  async send(batches: readonly ProduceBatch[], signal?: AbortSignal): Promise<StoredBatch[]> {
    const deadlineMs = this.#cluster.clock.monotonicMs() + this.#deliveryTimeoutMs;
    let sendBytes = 0;
    for (const { batch } of batches) sendBytes += batch.length;
    await this.#makeRoom(sendBytes, signal);
    return this.#deliver(batches, deadlineMs, signal);
  }

  /** Gives up what is not acknowledged yet with `client/closed`. Idempotent. */
  close(): void {
    if (this.#closing.signal.aborted) return;
    const error = clientErrors.error('closed', {
      message: 'The producer was closed before the broker acknowledged everything',
    });
    this.#closing.abort(error);
    this.#dispatcher.failAll(error);
  }

  async #makeRoom(bytes: number, signal: AbortSignal | undefined): Promise<void> {
    if (signal?.aborted) throw signal.reason;
    if (this.#closing.signal.aborted) throw this.#closing.signal.reason;
    if (this.#budget.tryTake(bytes)) return;
    const timeoutMs = this.#deliveryTimeoutMs;
    const timeout = new AbortController();
    const timer = this.#cluster.clock.timer(timeoutMs, () => {
      const message = `No room for ${bytes} more bytes within ${timeoutMs} ms; nothing of them was sent`;
      timeout.abort(clientErrors.error('delivery-timeout', { message }));
    });
    const ends = [timeout.signal, this.#closing.signal, ...(signal === undefined ? [] : [signal])];
    await this.#budget.take(bytes, AbortSignal.any(ends)).finally(() => timer.cancel());
  }

  #deliver(
    batches: readonly ProduceBatch[],
    deadlineMs: number,
    signal: AbortSignal | undefined,
  ): Promise<StoredBatch[]> {
    return new Promise((resolve, reject) => {
      const stored: StoredBatch[] = new Array(batches.length);
      const pending: PendingBatch[] = [];
      let firstError: unknown;
      let unsettledCount = batches.length;
      const onAbort = () => {
        reject(signal?.reason);
        for (const batch of pending) this.#dispatcher.withdraw(batch);
      };
      const onSettled = (bytes: number, error?: unknown) => {
        this.#budget.give(bytes);
        firstError ??= error;
        unsettledCount--;
        if (unsettledCount > 0) return;
        signal?.removeEventListener('abort', onAbort);
        if (firstError === undefined) resolve(stored);
        else reject(firstError);
      };
      for (const [index, { topic, partition, batch }] of batches.entries()) {
        const one = pendingBatch(
          this.#dispatcher.lane(topic, partition),
          batch,
          batchRecordCount(batch, 0),
          deadlineMs,
          {
            acked: (baseOffset) => {
              stored[index] = { topic, partition, baseOffset };
              onSettled(batch.length);
            },
            failed: (error) => onSettled(batch.length, error),
          },
        );
        pending.push(one);
        this.#dispatcher.add(one);
      }
      signal?.addEventListener('abort', onAbort, { once: true });
      if (signal?.aborted) onAbort();
      if (batches.length === 0) resolve(stored);
    });
  }
}
