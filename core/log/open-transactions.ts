/** The transactions of one partition whose end consumers cannot see yet: the first of them bounds what `read_committed` may read. */

import { invariant } from '../base/errors.ts';

export interface OpenTransaction {
  readonly producerId: number;
  readonly producerEpoch: number;
  readonly firstOffset: number;
}

interface Tracked extends OpenTransaction {
  /** Where its marker stands; undefined while it is open. */
  markerOffset: number | undefined;
}

/**
 * A transaction is tracked from its first batch until the high watermark has passed its marker: before that a crash
 * could take the marker, and the transaction would be open again.
 */
export class OpenTransactions {
  /** By first offset, in the order of offsets. */
  readonly #tracked = new Map<number, Tracked>();
  /** Ended ones in the order of their markers. */
  readonly #ended: Tracked[] = [];

  /** The first offset that is not stable, or undefined when there is none. */
  get firstOffset(): number | undefined {
    return this.#tracked.size === 0 ? undefined : this.#tracked.keys().next().value;
  }

  /** Those without a marker. */
  *open(): Generator<OpenTransaction, void> {
    for (const transaction of this.#tracked.values()) if (transaction.markerOffset === undefined) yield transaction;
  }

  begin(transaction: OpenTransaction): void {
    this.#tracked.set(transaction.firstOffset, { ...transaction, markerOffset: undefined });
  }

  /** The marker at `markerOffset` ends the transaction that began at `firstOffset`. */
  end(firstOffset: number, markerOffset: number): void {
    const transaction = this.#tracked.get(firstOffset);
    invariant(transaction !== undefined, 'only an open transaction ends');
    transaction.markerOffset = markerOffset;
    this.#ended.push(transaction);
  }

  /** Takes `begin` back. */
  undoBegin(firstOffset: number): void {
    this.#tracked.delete(firstOffset);
  }

  /** Takes the last `end` back. */
  undoEnd(firstOffset: number): void {
    const transaction = this.#tracked.get(firstOffset);
    invariant(transaction !== undefined && this.#ended.at(-1) === transaction, 'the last end is undone first');
    transaction.markerOffset = undefined;
    this.#ended.pop();
  }

  /** Markers before `highWatermark` cannot be lost any more. */
  reached(highWatermark: number): void {
    let count = 0;
    while (count < this.#ended.length && this.#ended[count]!.markerOffset! < highWatermark) count += 1;
    if (count === 0) return;
    for (const transaction of this.#ended.splice(0, count)) this.#tracked.delete(transaction.firstOffset);
  }

  /** The first offset that stays unstable once the transaction that began at `firstOffset` is over; `endOffset` when none does. */
  stableWithout(firstOffset: number, endOffset: number): number {
    for (const { firstOffset: offset } of this.open()) if (offset !== firstOffset) return offset;
    return endOffset;
  }

  /** Where the producer's transaction that was open at `offset` began; -1 when none was. */
  firstOffsetAt(producerId: number, offset: number): number {
    for (const transaction of this.#tracked.values()) {
      if (transaction.firstOffset >= offset) return -1;
      const isOpen = transaction.markerOffset === undefined || transaction.markerOffset >= offset;
      if (transaction.producerId === producerId && isOpen) return transaction.firstOffset;
    }
    return -1;
  }
}
