/** What a partition remembers of its idempotent producers: pure; decides whether a batch is next, a repetition or out of order. */

import type { TransactionMarker } from '../protocol/control-batch.ts';
import { kafkaErrors } from '../protocol/kafka-errors.ts';
import { OpenTransactions } from './open-transactions.ts';

/** Kafka's bound: a producer has at most five requests under way, so at most five batches can come again. */
export const rememberedBatches = 5;

const maxSequence = 0x7fff_ffff;

/** What a batch header says about who wrote it. */
export interface ProducerStamp {
  readonly producerId: number;
  readonly producerEpoch: number;
  /** -1 in the batches of a coordinator: they are never sent again. */
  readonly baseSequence: number;
  readonly lastOffsetDelta: number;
  readonly isTransactional: boolean;
}

export interface ProducerBatch {
  readonly firstSequence: number;
  readonly lastSequence: number;
  readonly lastOffset: number;
  readonly offsetDelta: number;
  readonly timestampMs: number;
}

/** Immutable: the table keeps the newest one, and an append that failed puts the one before back. */
export interface ProducerEntry {
  readonly producerId: number;
  readonly producerEpoch: number;
  /** Oldest first, at most five. */
  readonly batches: readonly ProducerBatch[];
  /** The sequence that must come first, where `batches` is empty because the first append was taken back. */
  readonly startSequence?: number;
  /** Wall time of the last append, not a record's timestamp: those may lie years back. */
  readonly lastSeenMs: number;
  readonly coordinatorEpoch: number;
  /** Where its last marker stands; undefined when it has none, or it was appended before a snapshot that the table came from. */
  readonly lastMarkerOffset?: number | undefined;
  /** -1 while no transaction is open. */
  readonly currentTxnFirstOffset: number;
}

export type SequenceVerdict =
  | { readonly kind: 'next' }
  | { readonly kind: 'duplicate'; readonly batch: ProducerBatch }
  | { readonly kind: 'refused'; readonly errorCode: number; readonly message: string };

const next: SequenceVerdict = { kind: 'next' };

export class ProducerTable {
  readonly transactions = new OpenTransactions();
  readonly #entries = new Map<number, ProducerEntry>();
  readonly #maxProducers: number;

  constructor(options: { maxProducers: number }) {
    this.#maxProducers = options.maxProducers;
  }

  get size(): number {
    return this.#entries.size;
  }

  get(producerId: number): ProducerEntry | undefined {
    return this.#entries.get(producerId);
  }

  /** All entries, least recently used first. */
  entries(): IterableIterator<ProducerEntry> {
    return this.#entries.values();
  }

  /** Whether a batch with this stamp may be appended now. An unknown producer may start anywhere: its state may have expired. */
  check(stamp: ProducerStamp): SequenceVerdict {
    const entry = this.#entries.get(stamp.producerId);
    if (entry === undefined) return next;
    if (stamp.producerEpoch < entry.producerEpoch) {
      const message = `epoch ${stamp.producerEpoch} of producer ${stamp.producerId} is older than its epoch ${entry.producerEpoch} here`;
      return { kind: 'refused', errorCode: kafkaErrors.INVALID_PRODUCER_EPOCH, message };
    }
    if (entry.currentTxnFirstOffset !== -1 && !stamp.isTransactional) {
      const message = `producer ${stamp.producerId} has an open transaction here and wrote outside of it`;
      return { kind: 'refused', errorCode: kafkaErrors.INVALID_TXN_STATE, message };
    }
    if (stamp.baseSequence < 0) return next;
    const expected = stamp.producerEpoch === entry.producerEpoch ? expectedSequence(entry) : 0;
    if (expected === undefined || stamp.baseSequence === expected) return next;
    const duplicate = stamp.producerEpoch === entry.producerEpoch ? findDuplicate(entry, stamp) : undefined;
    if (duplicate !== undefined) return { kind: 'duplicate', batch: duplicate };
    const message = `sequence ${stamp.baseSequence} of producer ${stamp.producerId} where ${expected} is next`;
    return { kind: 'refused', errorCode: kafkaErrors.OUT_OF_ORDER_SEQUENCE_NUMBER, message };
  }

  /** Remembers an appended batch; returns the entry it replaced, for `restore`. */
  record(
    stamp: ProducerStamp,
    appended: { baseOffset: number; timestampMs: number; nowMs: number },
  ): ProducerEntry | undefined {
    const before = this.#entries.get(stamp.producerId);
    const batch: ProducerBatch = {
      firstSequence: stamp.baseSequence,
      lastSequence: sequenceAfter(stamp.baseSequence, stamp.lastOffsetDelta),
      lastOffset: appended.baseOffset + stamp.lastOffsetDelta,
      offsetDelta: stamp.lastOffsetDelta,
      timestampMs: appended.timestampMs,
    };
    const known = before?.producerEpoch === stamp.producerEpoch ? before.batches : [];
    const openTxn = before?.currentTxnFirstOffset ?? -1;
    const isFirst = openTxn === -1 && stamp.isTransactional;
    if (isFirst) this.transactions.begin({ ...stamp, firstOffset: appended.baseOffset });
    this.put({
      producerId: stamp.producerId,
      producerEpoch: stamp.producerEpoch,
      batches: stamp.baseSequence < 0 ? known : [...known.slice(1 - rememberedBatches), batch],
      lastSeenMs: appended.nowMs,
      coordinatorEpoch: before?.coordinatorEpoch ?? -1,
      lastMarkerOffset: before?.lastMarkerOffset,
      currentTxnFirstOffset: isFirst ? appended.baseOffset : openTxn,
    });
    return before;
  }

  /** Why a marker may not be appended, or NONE. */
  checkMarker(marker: TransactionMarker): number {
    const entry = this.#entries.get(marker.producerId);
    if (entry === undefined) return kafkaErrors.NONE;
    if (marker.producerEpoch < entry.producerEpoch) return kafkaErrors.INVALID_PRODUCER_EPOCH;
    const isOld = marker.coordinatorEpoch < entry.coordinatorEpoch;
    return isOld ? kafkaErrors.TRANSACTION_COORDINATOR_FENCED : kafkaErrors.NONE;
  }

  /** A marker ends the producer's transaction, if there is one; returns the entry it replaced, for `restore`. */
  recordMarker(marker: TransactionMarker, appended: { offset: number; nowMs: number }): ProducerEntry | undefined {
    const { producerId, producerEpoch, coordinatorEpoch } = marker;
    const before = this.#entries.get(producerId);
    const firstOffset = before?.currentTxnFirstOffset ?? -1;
    if (firstOffset !== -1) this.transactions.end(firstOffset, appended.offset);
    this.put({
      producerId,
      producerEpoch,
      batches: before?.producerEpoch === producerEpoch ? before.batches : [],
      lastSeenMs: appended.nowMs,
      coordinatorEpoch,
      lastMarkerOffset: appended.offset,
      currentTxnFirstOffset: -1,
    });
    return before;
  }

  /** Takes what a snapshot holds. */
  load(entries: readonly ProducerEntry[]): void {
    for (const entry of entries) this.put(entry);
    const open = entries.filter((entry) => entry.currentTxnFirstOffset !== -1);
    open.sort((a, b) => a.currentTxnFirstOffset - b.currentTxnFirstOffset);
    for (const entry of open) this.transactions.begin({ ...entry, firstOffset: entry.currentTxnFirstOffset });
  }

  /** Puts an entry as it is, newest in order; the least recently used goes when there are too many. */
  put(entry: ProducerEntry): void {
    this.#entries.delete(entry.producerId);
    this.#entries.set(entry.producerId, entry);
    if (this.#entries.size > this.#maxProducers) this.#evict();
  }

  /** Takes an append back: `before` is what `record` returned for it. Undo the last append first. */
  restore(producerId: number, before: ProducerEntry | undefined): void {
    const undone = this.#entries.get(producerId);
    const opened = undone?.currentTxnFirstOffset ?? -1;
    const wasOpen = before?.currentTxnFirstOffset ?? -1;
    if (opened !== -1 && wasOpen === -1) this.transactions.undoBegin(opened);
    else if (opened === -1 && wasOpen !== -1) this.transactions.undoEnd(wasOpen);
    if (before !== undefined) this.#entries.set(producerId, before);
    else if (undone?.batches[0] !== undefined) {
      // Were the producer unknown again, its second batch could overtake the first one that it must now send again.
      const startSequence = undone.batches[0].firstSequence;
      this.#entries.set(producerId, { ...undone, batches: [], startSequence, currentTxnFirstOffset: -1 });
    } else this.#entries.delete(producerId);
  }

  /** Forgets producers that appended nothing since `beforeMs` and have no open transaction; returns how many. */
  expire(beforeMs: number): number {
    let count = 0;
    for (const entry of this.#entries.values()) {
      if (entry.lastSeenMs >= beforeMs || entry.currentTxnFirstOffset !== -1) continue;
      this.#entries.delete(entry.producerId);
      count += 1;
    }
    return count;
  }

  #evict(): void {
    for (const entry of this.#entries.values()) {
      if (entry.currentTxnFirstOffset !== -1) continue;
      this.#entries.delete(entry.producerId);
      return;
    }
  }
}

/** Undefined when the entry knows of no batch: then any sequence may come. */
function expectedSequence(entry: ProducerEntry): number | undefined {
  const last = entry.batches.at(-1);
  return last === undefined ? entry.startSequence : sequenceAfter(last.lastSequence, 1);
}

function findDuplicate(entry: ProducerEntry, stamp: ProducerStamp): ProducerBatch | undefined {
  const lastSequence = sequenceAfter(stamp.baseSequence, stamp.lastOffsetDelta);
  return entry.batches.find(
    (batch) => batch.firstSequence === stamp.baseSequence && batch.lastSequence === lastSequence,
  );
}

/** Sequences wrap from 2^31 - 1 to 0. */
function sequenceAfter(sequence: number, delta: number): number {
  return sequence > maxSequence - delta ? delta - (maxSequence - sequence) - 1 : sequence + delta;
}

/** The sequence `delta` before; the inverse of `sequenceAfter`. */
export function sequenceBefore(sequence: number, delta: number): number {
  return sequence < delta ? maxSequence - (delta - sequence) + 1 : sequence - delta;
}
