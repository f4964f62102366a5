/** How a handler of one API is declared, and what every handler may use. */

import type { Clock } from '../base/clock.ts';
import type { Logger } from '../base/logger.ts';
import type { GroupCoordinator } from '../coordinator/group-coordinator.ts';
import type { TxnCoordinator } from '../coordinator/txn-coordinator.ts';
import type { Logs } from '../log/log-manager.ts';
import type { Api, RequestOf, ResponseInput } from '../protocol/api.ts';
import type { BatchMemory } from '../protocol/batch-memory.ts';
import type { Encodable, Fields } from '../protocol/field.ts';
import { encodeResponseFrame } from '../protocol/frame.ts';
import type { Reader } from '../protocol/reader.ts';
import type { ByteBudget } from './byte-budget.ts';
import type { Exchange, Reply } from './connection.ts';
import type { FetchWaiters } from './fetch-waiters.ts';
import type { TopicCatalogue } from './topic-catalogue.ts';

/** The parts of the broker that handlers work on. */
export interface Services {
  readonly logs: Logs;
  readonly catalogue: TopicCatalogue;
  readonly coordinator: GroupCoordinator;
  readonly transactions: TxnCoordinator;
  readonly fetchWaiters: FetchWaiters;
  /** Bytes of Fetch answers that clients have not taken yet. */
  readonly fetchBudget: ByteBudget;
  /** Memory for large requests and answers that goes round. */
  readonly memory: BatchMemory;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly clusterId: string;
  readonly dataDir: string;
  readonly nodeId: number;
  readonly settings: ServiceSettings;
  /** Never given before, also not before a crash. */
  nextProducerId(): Promise<number>;
  /** Where clients are told to connect. */
  advertised(): { readonly host: string; readonly port: number };
}

export interface ServiceSettings {
  /** Metadata for an unknown topic creates it (`auto.create.topics.enable`). */
  readonly autoCreateTopics: boolean;
  /** Partitions of a topic for which nobody said a number (`num.partitions`). */
  readonly defaultPartitionCount: number;
  /** The longest time a Fetch may wait, whatever it asks for. */
  readonly maxFetchWaitMs: number;
}

/** One request as its handler sees it. */
export interface Call extends Exchange {
  readonly version: number;
  readonly clientId: string;
}

/** `none` sends no answer (acks=0); `hang-up` closes the connection, which is all such a client can be told. */
export type Outcome<R> = R | 'none' | 'hang-up';

export interface ApiHandler {
  readonly key: number;
  readonly name: string;
  /** Advertised. */
  readonly minVersion: number;
  readonly maxVersion: number;
  /** What this API knowingly does not do; shown in the reference. */
  readonly leavesOut: string;
  serve(reader: Reader, correlationId: number, call: Call): Reply | Promise<Reply>;
}

export interface HandlerSpec<A> {
  readonly leavesOut: string;
  handle(request: RequestOf<A>, call: Call): Outcome<ResponseInput<A>> | Promise<Outcome<ResponseInput<A>>>;
}

export function defineHandler<Q extends Fields, S extends Fields>(
  api: Api<Q, S>,
  spec: HandlerSpec<Api<Q, S>>,
): ApiHandler {
  const encode = (outcome: Outcome<Encodable<S>>, version: number, correlationId: number): Reply => {
    const isReply = outcome !== 'none' && outcome !== 'hang-up';
    return isReply ? encodeResponseFrame(api, { version, correlationId }, outcome) : (outcome as Reply);
  };
  return {
    key: api.key,
    name: api.name,
    minVersion: api.minVersion,
    maxVersion: api.maxVersion,
    leavesOut: spec.leavesOut,
    serve(reader, correlationId, call) {
      const outcome = spec.handle(api.decodeRequest(reader, call.version) as RequestOf<Api<Q, S>>, call);
      if (outcome instanceof Promise) return outcome.then((settled) => encode(settled, call.version, correlationId));
      return encode(outcome, call.version, correlationId);
    },
  };
}
