/** The transactions told last: a read that has not seen one of them would bring rows that are older than what was told. Pure. */

import { type Fence, hasSeen } from '../snapshot/fence.ts';

/** Far more than can have been told between a commit in the log and the moment other sessions see it. */
const mostKept = 65_536;

/**
 * The stream may tell of a commit before other sessions see it: the server's process comes to that a moment later, or
 * waits for a standby first.
 */
export class RecentTransactions {
  #before: number[] = [];
  #since: number[] = [];

  /** It is being told. */
  told(transactionId: number): void {
    if (this.#since.length >= mostKept) this.#since = this.#since.slice(mostKept / 2);
    this.#since.push(transactionId);
  }

  /** A read begins: those told later are its window's business. */
  readBegins(): void {
    const all = this.#before.length === 0 ? this.#since : [...this.#before, ...this.#since];
    this.#before = all.slice(-mostKept);
    this.#since = [];
  }

  /** Whether the read has seen all that were told when it began; forgets them then. */
  areSeenBy(fence: Fence): boolean {
    this.#before = this.#before.filter((transactionId) => !hasSeen(fence, transactionId));
    return this.#before.length === 0;
  }
}
