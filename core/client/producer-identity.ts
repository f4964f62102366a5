/** Gets producer ids from the cluster: one for all partitions, and a fresh one when a partition has to start over. */

import { describeError, type MillraceError } from '../base/errors.ts';
import { initProducerIdApi } from '../protocol/apis/producer-ids.ts';
import { isRetriableKafkaError, kafkaErrorName, kafkaErrors } from '../protocol/kafka-errors.ts';
import { backoffMs, retryBackoff } from './backoff.ts';
import type { Cluster } from './cluster.ts';
import { clientErrors } from './error-codes.ts';
import type { ProducerIdentity } from './sequencer.ts';

/** Makes every batch a part of the transaction that is open under the id: which partitions it reaches is known before. */
export interface ProducerTransaction {
  readonly transactionalId: string;
  readonly identity: ProducerIdentity;
}

export class IdentitySource {
  readonly #cluster: Cluster;
  readonly #signal: AbortSignal;
  #current: ProducerIdentity | undefined;
  #asking: Promise<ProducerIdentity> | undefined;

  constructor(cluster: Cluster, signal: AbortSignal) {
    this.#cluster = cluster;
    this.#signal = signal;
  }

  /** The current identity when it is not the used one; undefined when a new one must be asked for first. */
  unlike(used: ProducerIdentity | undefined): ProducerIdentity | undefined {
    return this.#current === used ? undefined : this.#current;
  }

  /** Asks until an answer comes; overlapping calls share it. Rejects when the cluster refuses or the producer closes. */
  renew(): Promise<ProducerIdentity> {
    this.#asking ??= this.#ask().finally(() => {
      this.#asking = undefined;
    });
    return this.#asking;
  }

  async #ask(): Promise<ProducerIdentity> {
    const { clock, logger } = this.#cluster;
    for (let attempt = 1; ; attempt++) {
      try {
        this.#current = await this.#askOnce();
        return this.#current;
      } catch (error) {
        const isFatal = !(error as Partial<MillraceError>).retriable;
        if (this.#signal.aborted || isFatal) throw error;
        logger.warn({ attempt, error: describeError(error) }, 'no producer id yet, asking again');
        await clock.sleep(backoffMs(retryBackoff, attempt, Math.random()), this.#signal);
      }
    }
  }

  async #askOnce(): Promise<ProducerIdentity> {
    const request = { transactionalId: null, transactionTimeoutMs: 60_000 };
    const answer = await this.#cluster.requestAny(initProducerIdApi, request, { signal: this.#signal });
    if (answer.errorCode === kafkaErrors.NONE) {
      return { producerId: answer.producerId, producerEpoch: answer.producerEpoch };
    }
    throw clientErrors.error('refused', {
      message: `The broker gave no producer id: ${kafkaErrorName(answer.errorCode)}`,
      retriable: isRetriableKafkaError(answer.errorCode),
    });
  }
}

/** The identity of one transactional producer: it cannot be had anew without ending the transaction. */
export class FixedIdentity {
  readonly #transaction: ProducerTransaction;

  constructor(transaction: ProducerTransaction) {
    this.#transaction = transaction;
  }

  unlike(used: ProducerIdentity | undefined): ProducerIdentity | undefined {
    return used === undefined ? this.#transaction.identity : undefined;
  }

  renew(): Promise<ProducerIdentity> {
    const message = 'The broker no longer takes what follows in this transaction';
    const where = this.#transaction.transactionalId;
    return Promise.reject(clientErrors.error('transaction-aborted', { message, where }));
  }
}
