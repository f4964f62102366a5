/** Who waits for an offset to become visible, and is answered once: with success, or with what went wrong before that. */

import type { MillraceError } from '../base/errors.ts';

export type Answer = (failure: MillraceError | undefined) => void;

interface Waiter {
  readonly nextOffset: number;
  readonly answer: Answer;
}

export class AckQueue {
  /** In offset order, as the batches were written. */
  #ordered: Waiter[] = [];
  /** Repetitions that came before their original was visible: few, in no order. */
  #others: Waiter[] = [];

  /** A batch that was written behind all others. */
  push(nextOffset: number, answer: Answer): void {
    this.#ordered.push({ nextOffset, answer });
  }

  /** Somebody who waits for a batch that is on its way already. */
  join(nextOffset: number, answer: Answer): void {
    this.#others.push({ nextOffset, answer });
  }

  /** Everything before `offset` is visible. */
  reached(offset: number): void {
    let count = 0;
    while (count < this.#ordered.length && this.#ordered[count]!.nextOffset <= offset) count += 1;
    for (const waiter of this.#ordered.splice(0, count)) waiter.answer(undefined);
    this.#settleOthers((waiter) => waiter.nextOffset <= offset, undefined);
  }

  /** Nothing from `offset` on was written after all. */
  undone(offset: number, failure: MillraceError): void {
    this.#settleOthers((waiter) => waiter.nextOffset > offset, failure);
  }

  failAll(failure: MillraceError): void {
    const waiting = [...this.#ordered, ...this.#others];
    this.#ordered = [];
    this.#others = [];
    for (const waiter of waiting) waiter.answer(failure);
  }

  #settleOthers(isDue: (waiter: Waiter) => boolean, failure: MillraceError | undefined): void {
    if (this.#others.length === 0) return;
    const due = this.#others.filter(isDue);
    this.#others = this.#others.filter((waiter) => !due.includes(waiter));
    for (const waiter of due) waiter.answer(failure);
  }
}
