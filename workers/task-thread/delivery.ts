/** How what one poll appended becomes durable: records first, then source offsets (promise 1). */

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

/**
 * Makes one poll durable and waits out what can be waited out. At-least-once delivery sends twice; a transactional one
 * will send both in one transaction. Resolves when records and offsets are durable; on rejection any part of them may be.
 */
export interface SourceDelivery {
  deliver(records: readonly TopicBatch[], positions: readonly SourcePosition[]): Promise<void>;
}

export interface AtLeastOnceOptions {
  readonly producer: BatchProducer;
  /** Batches of the offset topic for these positions. */
  readonly encodePositions: (positions: readonly SourcePosition[]) => readonly TopicBatch[];
  /** Calls again after a retriable failure; each send by itself, so that lost offsets do not double their records. */
  readonly retry: (what: string, attempt: () => Promise<unknown>) => Promise<unknown>;
}

export function atLeastOnceDelivery({ producer, encodePositions, retry }: AtLeastOnceOptions): SourceDelivery {
  return {
    async deliver(records, positions) {
      if (records.length > 0) await retry('writing records', () => producer.send(records));
      if (positions.length > 0) await retry('writing source offsets', () => producer.send(encodePositions(positions)));
    },
  };
}
