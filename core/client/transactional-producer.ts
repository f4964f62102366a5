/** A producer whose batches, of any number of partitions, become visible together or not at all, one transaction after the other. */

import { invariant, type MillraceError } from '../base/errors.ts';
import { endTxnApi } from '../protocol/apis/transactions.ts';
import type { Cluster } from './cluster.ts';
import type { Purpose } from './connection-pool.ts';
import { CoordinatorLink } from './coordinator-link.ts';
import { clientErrors } from './error-codes.ts';
import type { GroupOffset } from './group-offsets.ts';
import { type ProduceBatch, Producer, type ProducerOptions, type StoredBatch } from './producer.ts';
import type { ProducerIdentity } from './sequencer.ts';
import { type GroupMember, TransactionMembers } from './transaction-members.ts';
import { claimTransactionalId, type TransactionalId } from './transactional-id.ts';

export interface TransactionalProducerOptions extends TransactionalId {
  /** What `fenceTransactionalId` gave; asked for here unless told. */
  readonly identity?: ProducerIdentity | undefined;
  readonly producer?: Omit<ProducerOptions, 'idempotent' | 'acks'>;
  /** For each call, retries included; as long as a batch may take unless told. */
  readonly timeoutMs?: number;
}

const defaultTimeoutMs = 120_000;

/** Takes the transactional id over, unless that has been done. Rejects as the coordinator's answers say. */
export async function openTransactionalProducer(
  cluster: Cluster,
  options: TransactionalProducerOptions,
): Promise<TransactionalProducer> {
  const producer = new TransactionalProducer(cluster, options);
  try {
    await producer.open();
    return producer;
  } catch (error) {
    producer.close();
    throw error;
  }
}

/**
 * A transaction begins with the first `send` after the last one ended. When one of its calls fails it can only be
 * aborted. `client/fenced` is final: another producer has the transactional id.
 */
export class TransactionalProducer {
  readonly #cluster: Cluster;
  readonly #options: TransactionalProducerOptions;
  readonly #timeoutMs: number;
  readonly #link: CoordinatorLink;
  readonly #purpose: Purpose;
  readonly #closing = new AbortController();
  readonly #members: TransactionMembers;
  #identity: ProducerIdentity | undefined;
  /** Stamps with one identity; replaced together with it. */
  #producer: Producer | undefined;
  #unsettled = new Set<Promise<unknown>>();
  /** Why the transaction can only be aborted. */
  #failure: { readonly error: unknown } | undefined;
  #fenced: MillraceError | undefined;
  /**
   * An end was asked for and not answered: the request may still be on its way somewhere, and must not end the next
   * transaction. The next one gets a new epoch, under which it is refused.
   */
  #isEndInDoubt = false;

  constructor(cluster: Cluster, options: TransactionalProducerOptions) {
    this.#cluster = cluster;
    this.#options = options;
    this.#timeoutMs = options.timeoutMs ?? options.producer?.deliveryTimeoutMs ?? defaultTimeoutMs;
    this.#purpose = cluster.newPurpose('produce');
    const { transactionalId } = options;
    this.#link = new CoordinatorLink({ cluster, key: transactionalId, kind: 'transaction', purpose: this.#purpose });
    this.#members = new TransactionMembers({ cluster, transactionalId, link: this.#link, purpose: this.#purpose });
    cluster.closing.addEventListener('abort', () => this.close(), { signal: this.#closing.signal });
  }

  get identity(): ProducerIdentity | undefined {
    return this.#identity;
  }

  /** Something was sent since the last transaction ended. */
  get isOpen(): boolean {
    return !this.#members.isEmpty || this.#failure !== undefined;
  }

  async open(): Promise<void> {
    this.#take(this.#options.identity ?? (await this.#claim(undefined)));
  }

  /** As the producer's `send`; the batches are in the log once it resolves, and visible once `commit` does. */
  send(batches: readonly ProduceBatch[], signal?: AbortSignal): Promise<StoredBatch[]> {
    return this.#inTransaction(async (producer, identity) => {
      await this.#members.addPartitions(batches, identity, this.#ask());
      return producer.send(batches, signal);
    });
  }

  /** Offsets of a group that count once the transaction commits. With a member they are refused when it was replaced. */
  sendOffsets(groupId: string, offsets: readonly GroupOffset[], member?: GroupMember): Promise<void> {
    return this.#inTransaction((_producer, identity) =>
      this.#members.commitOffsets({ groupId, offsets, member }, identity, this.#ask()),
    );
  }

  /** Resolves when everything sent is visible to read_committed. On rejection call `abort`; whether it was committed is open then. */
  async commit(): Promise<void> {
    await Promise.allSettled(this.#unsettled);
    if (this.#failure !== undefined) throw this.#failure.error;
    if (this.#members.isEmpty) return;
    await this.#inTransaction((_producer, identity) => this.#end(identity, true));
    this.#members.clear();
    if (this.#isEndInDoubt) await this.#renew();
  }

  /** Nothing sent since the last commit will be seen by read_committed. The producer can be used again, unless fenced. */
  async abort(): Promise<void> {
    await Promise.allSettled(this.#unsettled);
    if (this.#fenced !== undefined) throw this.#fenced;
    const isClean = this.#failure === undefined && !this.#isEndInDoubt;
    if (isClean && this.#members.isEmpty) return;
    if (isClean) await this.#inTransaction((_producer, identity) => this.#end(identity, false));
    // The claim aborts what is open, and what is still under way of it is refused under the new epoch.
    if (!isClean || this.#isEndInDoubt) await this.#renew();
    this.#members.clear();
    this.#failure = undefined;
  }

  /** Leaves an open transaction to whoever takes the id over, or to its timeout. Idempotent. */
  close(): void {
    if (this.#closing.signal.aborted) return;
    this.#closing.abort(clientErrors.error('closed', { message: 'The producer was closed' }));
    this.#producer?.close();
    this.#cluster.release(this.#purpose);
  }

  /** Runs a part of the transaction, and remembers its failure. */
  async #inTransaction<T>(part: (producer: Producer, identity: ProducerIdentity) => Promise<T>): Promise<T> {
    if (this.#fenced !== undefined) throw this.#fenced;
    if (this.#closing.signal.aborted) throw this.#closing.signal.reason;
    if (this.#failure !== undefined) throw mustAbort(this.#options.transactionalId, this.#failure.error);
    invariant(this.#producer !== undefined && this.#identity !== undefined, 'the producer is open');
    const running = part(this.#producer, this.#identity);
    this.#unsettled.add(running);
    try {
      return await running;
    } catch (error) {
      if (clientErrors.is(error, 'fenced')) this.#fenced = error;
      this.#failure ??= { error };
      throw error;
    } finally {
      this.#unsettled.delete(running);
    }
  }

  async #end(identity: ProducerIdentity, committed: boolean): Promise<void> {
    const { transactionalId } = this.#options;
    const request = { transactionalId, ...identity, committed };
    const onLost = () => {
      this.#isEndInDoubt = true;
    };
    await this.#link.ask(
      async (connection) => {
        const { errorCode } = await connection.request(endTxnApi, request);
        return { errorCode, value: undefined };
      },
      { ...this.#ask(), onLost },
    );
  }

  /** The same producer under its next epoch. */
  async #renew(): Promise<void> {
    try {
      this.#take(await this.#claim(this.#identity));
      this.#isEndInDoubt = false;
    } catch (error) {
      if (clientErrors.is(error, 'fenced')) this.#fenced = error;
      this.#failure ??= { error };
      throw error;
    }
  }

  #claim(expected: ProducerIdentity | undefined): Promise<ProducerIdentity> {
    return claimTransactionalId(this.#link, this.#options, { ...this.#ask(), expected });
  }

  #take(identity: ProducerIdentity): void {
    this.#producer?.close();
    this.#identity = identity;
    const { transactionalId, producer } = this.#options;
    const transaction = { transactionalId, identity };
    this.#producer = new Producer(this.#cluster, { ...producer, idempotent: true, acks: -1 }, transaction);
  }

  #ask() {
    return { signal: this.#closing.signal, timeoutMs: this.#timeoutMs };
  }
}

function mustAbort(where: string, cause: unknown): MillraceError {
  const message = 'A part of the transaction failed, so that it can only be aborted';
  return clientErrors.error('transaction-aborted', { message, where, cause });
}
