/** Asks the coordinator of one transactional id or group, wherever it is now, until it gives an answer that counts. */

import { describeError, MillraceError } from '../base/errors.ts';
import { coordinatorKeyTypes, findCoordinatorApi } from '../protocol/apis/groups.ts';
import { kafkaErrorName, kafkaErrors } from '../protocol/kafka-errors.ts';
import { abortable } from './abortable.ts';
import { type BackoffPolicy, backoffMs, retryBackoff } from './backoff.ts';
import type { Cluster } from './cluster.ts';
import type { Connection } from './connection.ts';
import type { Purpose } from './connection-pool.ts';
import { clientErrors } from './error-codes.ts';
import { transactionVerdict } from './transaction-verdict.ts';
import type { Address } from './transport.ts';

export interface CoordinatorLinkOptions {
  readonly cluster: Cluster;
  /** The transactional id or the group. */
  readonly key: string;
  readonly kind: keyof typeof coordinatorKeyTypes;
  readonly purpose: Purpose;
}

export interface AskOptions {
  readonly signal: AbortSignal;
  /** From the call to the answer that counts. */
  readonly timeoutMs: number;
  /** An attempt ended without an answer: the coordinator may have done what was asked. */
  readonly onLost?: () => void;
}

interface Answer<T> {
  readonly errorCode: number;
  readonly value: T;
}

/** A transaction that is being completed takes a few syncs of the coordinator's disk. */
const waitBackoff: BackoffPolicy = { baseMs: 5, maxMs: 500 };

export class CoordinatorLink {
  readonly #options: CoordinatorLinkOptions;
  #address: Address | undefined;

  constructor(options: CoordinatorLinkOptions) {
    this.#options = options;
  }

  /**
   * Resolves to the first answer without an error. Rejects with `client/fenced`, `client/transaction-aborted`,
   * `client/group-fenced`, `client/refused`, the signal's reason, or the last failure when time is over.
   */
  async ask<T>(attempt: (connection: Connection) => Promise<Answer<T>>, options: AskOptions): Promise<T> {
    const { cluster, key } = this.#options;
    const deadlineMs = cluster.clock.monotonicMs() + options.timeoutMs;
    for (let failures = 1; ; failures++) {
      let policy = retryBackoff;
      let problem: MillraceError;
      try {
        const { errorCode, value } = await this.#attempt(attempt, options);
        const verdict = transactionVerdict(errorCode, key);
        if (verdict === 'done') return value;
        if (verdict instanceof MillraceError) throw verdict;
        if (verdict === 'wait') policy = waitBackoff;
        else this.#address = undefined;
        const message = `The coordinator says ${kafkaErrorName(errorCode)}`;
        problem = clientErrors.error('refused', { message, where: key, retriable: true });
      } catch (error) {
        if (options.signal.aborted) throw options.signal.reason;
        if (!(error instanceof MillraceError) || !error.retriable || isVerdict(error)) throw error;
        this.#address = undefined;
        problem = error;
      }
      if (cluster.clock.monotonicMs() > deadlineMs) throw problem;
      cluster.logger.debug({ key, failures, problem: describeError(problem) }, 'asking the coordinator again');
      await cluster.clock.sleep(backoffMs(policy, failures, Math.random()), options.signal);
    }
  }

  async #attempt<T>(
    attempt: (connection: Connection) => Promise<Answer<T>>,
    { signal, onLost }: AskOptions,
  ): Promise<Answer<T>> {
    const connection = await this.#connection(signal);
    try {
      return await abortable(attempt(connection), signal);
    } catch (error) {
      onLost?.();
      throw error;
    }
  }

  async #connection(signal: AbortSignal): Promise<Connection> {
    const { cluster, key, kind, purpose } = this.#options;
    if (this.#address === undefined) {
      const request = { key, keyType: coordinatorKeyTypes[kind] };
      const found = await cluster.requestAny(findCoordinatorApi, request, { maxVersion: 3, signal });
      const { errorCode, errorMessage, host, port } = found;
      if (errorCode !== kafkaErrors.NONE) throw notFound(key, errorCode, errorMessage);
      this.#address = { host, port };
    }
    return abortable(cluster.connectionTo(this.#address, purpose), signal);
  }
}

/** An answer that another try does not change, although another transaction may. */
function isVerdict(error: MillraceError): boolean {
  return clientErrors.is(error, 'transaction-aborted') || clientErrors.is(error, 'group-fenced');
}

function notFound(key: string, errorCode: number, errorMessage: string | null): MillraceError {
  const verdict = transactionVerdict(errorCode, key);
  if (verdict instanceof MillraceError) return verdict;
  const message = `No coordinator was found: ${errorMessage ?? kafkaErrorName(errorCode)}`;
  return clientErrors.error('refused', { message, where: key, retriable: true });
}
