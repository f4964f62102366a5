/** Takes a transactional id over: ends what its last producer left open and refuses everything that one still sends. */

import { initProducerIdApi } from '../protocol/apis/producer-ids.ts';
import type { Cluster } from './cluster.ts';
import { CoordinatorLink } from './coordinator-link.ts';
import type { ProducerIdentity } from './sequencer.ts';

export interface TransactionalId {
  readonly transactionalId: string;
  /** The coordinator aborts a transaction that is open for longer. */
  readonly transactionTimeoutMs: number;
}

export interface ClaimOptions {
  /** Only if the id still has this identity: the claim of a producer that goes on, and must not take over. */
  readonly expected?: ProducerIdentity | undefined;
  readonly signal: AbortSignal;
  readonly timeoutMs: number;
}

/**
 * Resolves once nothing of earlier producers is open any more and nothing of them is accepted. Rejects with
 * `client/fenced` when the id no longer has the expected identity.
 */
export async function claimTransactionalId(
  link: CoordinatorLink,
  { transactionalId, transactionTimeoutMs }: TransactionalId,
  { expected, signal, timeoutMs }: ClaimOptions,
): Promise<ProducerIdentity> {
  const request = { transactionalId, transactionTimeoutMs, ...expected };
  const ask = async (connection: Parameters<Parameters<CoordinatorLink['ask']>[0]>[0]) => {
    const answer = await connection.request(initProducerIdApi, request);
    const { errorCode, producerId, producerEpoch } = answer;
    return { errorCode, value: { producerId, producerEpoch } };
  };
  return link.ask(ask, { signal, timeoutMs });
}

/** The same for a caller that hands the identity on to the producer, in another thread perhaps. */
export async function fenceTransactionalId(
  cluster: Cluster,
  id: TransactionalId,
  { signal = cluster.closing, timeoutMs }: { readonly signal?: AbortSignal; readonly timeoutMs: number },
): Promise<ProducerIdentity> {
  const link = new CoordinatorLink({ cluster, key: id.transactionalId, kind: 'transaction', purpose: 'control' });
  return claimTransactionalId(link, id, { signal, timeoutMs });
}
