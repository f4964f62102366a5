/** Which markers of transactions compaction keeps: pure; sees the batches of a log in order, from its first one. */

import { batchBaseTimestampMs, batchProducerId, isControl, isTransactional } from '../protocol/batch-header.ts';
import { decodeMarker } from '../protocol/control-batch.ts';
import { hasHorizon, withHorizon } from './delete-horizon.ts';
import { isLastOfProducer, type ProducerEnds } from './producer-ends.ts';

export interface MarkerRules {
  readonly nowMs: number;
  /** Until when a marker stays that ends nothing any more. */
  readonly horizonMs: number;
  readonly producers: ProducerEnds;
}

/**
 * A marker goes in two steps, a pass apart or more. A pass that comes by no batch of its transaction, not even an empty one,
 * gives it a date; one that finds the date gone removes it. A batch that this pass itself removes still counts: until its
 * segment is replaced durably, a start would find the transaction open.
 */
export class MarkerFilter {
  readonly #rules: MarkerRules;
  /** Producers with transactional batches since their last marker. */
  readonly #open = new Set<number>();

  constructor(rules: MarkerRules) {
    this.#rules = rules;
  }

  /** Every batch of the log that is no marker, also one that does not stay. */
  note(batch: Buffer): void {
    if (isTransactional(batch, 0)) this.#open.add(batchProducerId(batch, 0));
  }

  /** The control batch itself, with a date to go, or undefined when it goes. `keeps`: it must stay whatever it ends. */
  filter(batch: Buffer, { keeps }: { readonly keeps: boolean }): Buffer | undefined {
    // Control batches of other kinds are nobody's to remove.
    if (decodeMarker(batch, 0) === undefined) return batch;
    const hasBatches = this.#open.delete(batchProducerId(batch, 0));
    if (hasBatches || keeps || isLastOfProducer(batch, this.#rules.producers)) return batch;
    const { nowMs, horizonMs } = this.#rules;
    if (!hasHorizon(batch)) return withHorizon(batch, horizonMs);
    return batchBaseTimestampMs(batch, 0) > nowMs ? batch : undefined;
  }
}

export function isAbort(batch: Buffer): boolean {
  return isControl(batch, 0) && decodeMarker(batch, 0)?.isCommit === false;
}
