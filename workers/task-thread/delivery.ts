/** How what polls appended becomes durable together with how far they came (promise 1): at least once, or in one transaction. */

import type { SourcePosition } from '../../connectors/contract/source.ts';

/** A record batch without producer fields, for one partition. */
export interface TopicBatch {
  readonly topic: string;
  readonly partition: number;
  readonly batch: Buffer;
}

/** The part of core/client's producer that runners use. */
interface BatchProducer {
  /** Resolves when every batch is acknowledged by all in-sync replicas. */
  send(batches: readonly TopicBatch[], signal?: AbortSignal): Promise<unknown>;
}

export interface SourceDelivery {
  /** Writes one poll; its batches are not read any more once it resolves. On rejection any part of it may be written. */
  deliver(records: readonly TopicBatch[], positions: readonly SourcePosition[]): Promise<void>;
  /** Resolves when everything delivered is durable and visible to readers of committed records. */
  commit(): Promise<void>;
  /** Nothing delivered since the last commit will ever be visible. For delivery in transactions alone. */
  abort(): Promise<void>;
}

/** Batches of the offset topic for these positions. */
type EncodePositions = (positions: readonly SourcePosition[]) => readonly TopicBatch[];

export interface AtLeastOnceOptions {
  readonly producer: BatchProducer;
  readonly encodePositions: EncodePositions;
  /** Calls again after a retriable failure; each send by itself, so that lost offsets do not double their records. */
  readonly retry: (what: string, attempt: () => Promise<unknown>) => Promise<unknown>;
}

/** Records durable, then offsets: a kill in between doubles the records. */
export function atLeastOnceDelivery({ producer, encodePositions, retry }: AtLeastOnceOptions): SourceDelivery {
  return {
    async deliver(records, positions) {
      if (records.length > 0) await retry('writing records', () => producer.send(records));
      if (positions.length > 0) await retry('writing source offsets', () => producer.send(encodePositions(positions)));
    },
    commit: () => Promise.resolve(),
    abort: () => Promise.reject(new Error('what is delivered at least once cannot be taken back')),
  };
}

export interface ExactlyOnceOptions {
  /** Its transactional id is this task's alone, so that its epoch fences every earlier run (promise 4). */
  readonly producer: BatchProducer & { commit(): Promise<void>; abort(): Promise<void> };
  readonly encodePositions: EncodePositions;
}

/**
 * Records and offsets go in one request of one transaction. Nothing is tried again here: the producer waits out what
 * can be waited out, and after any other failure the next run of the task goes on at what was committed.
 */
export function exactlyOnceDelivery({ producer, encodePositions }: ExactlyOnceOptions): SourceDelivery {
  return {
    async deliver(records, positions) {
      const batches = positions.length === 0 ? records : [...records, ...encodePositions(positions)];
      if (batches.length > 0) await producer.send(batches);
    },
    commit: () => producer.commit(),
    abort: () => producer.abort(),
  };
}
