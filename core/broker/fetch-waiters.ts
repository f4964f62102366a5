/** Fetches that wait for records: one list per partition, one timer for all deadlines. */

import type { Clock, Timer } from '../base/clock.ts';
import type { PartitionLog } from '../log/partition-log.ts';

export interface FetchWaiter {
  /** Monotonic. */
  readonly deadlineMs: number;
  readonly partitions: readonly PartitionLog[];
  /** Called at most once: a partition advanced, the deadline passed, a topic went away or the broker closes. */
  readonly wake: () => void;
}

interface Watched {
  readonly waiters: Set<FetchWaiter>;
  readonly stopWatching: () => void;
}

const mostWokenAtOnce = 100;

/** Deadlines this close together fire as one. */
const timerGrainMs = 5;

export class FetchWaiters {
  readonly #clock: Clock;
  readonly #watched = new Map<PartitionLog, Watched>();
  readonly #all = new Set<FetchWaiter>();
  #timer: Timer | undefined;
  #timerAtMs = Number.POSITIVE_INFINITY;
  #isClosed = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get count(): number {
    return this.#all.size;
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** Returns how to give up waiting. */
  add(waiter: FetchWaiter): () => void {
    if (this.#isClosed) {
      waiter.wake();
      return () => {};
    }
    this.#all.add(waiter);
    for (const partition of waiter.partitions) this.#watch(partition).waiters.add(waiter);
    this.#armTimer(waiter.deadlineMs);
    return () => this.#remove(waiter);
  }

  /** Everybody who waits for these partitions looks again, e.g. because their topic was deleted. */
  wakePartitions(partitions: Iterable<PartitionLog>): void {
    for (const partition of partitions) this.#wakeAll(partition);
  }

  /** Wakes everybody; nobody waits from now on. */
  close(): void {
    this.#isClosed = true;
    this.#timer?.cancel();
    for (const waiter of [...this.#all]) this.#wake(waiter);
  }

  #watch(partition: PartitionLog): Watched {
    const known = this.#watched.get(partition);
    if (known !== undefined) return known;
    const watched = {
      waiters: new Set<FetchWaiter>(),
      stopWatching: partition.onAdvance(() => this.#wakeAll(partition)),
    };
    this.#watched.set(partition, watched);
    return watched;
  }

  #wakeAll(partition: PartitionLog): void {
    const watched = this.#watched.get(partition);
    if (watched !== undefined) this.#wakeSome([...watched.waiters]);
  }

  /** Each of them reads and answers at once: a thousand in one turn of the event loop would keep everybody else waiting. */
  #wakeSome(waiters: FetchWaiter[]): void {
    for (const waiter of waiters.splice(0, mostWokenAtOnce)) this.#wake(waiter);
    if (waiters.length > 0) setImmediate(() => this.#wakeSome(waiters));
  }

  #wake(waiter: FetchWaiter): void {
    if (this.#remove(waiter)) waiter.wake();
  }

  #remove(waiter: FetchWaiter): boolean {
    if (!this.#all.delete(waiter)) return false;
    for (const partition of waiter.partitions) {
      const watched = this.#watched.get(partition);
      watched?.waiters.delete(waiter);
      if (watched?.waiters.size !== 0) continue;
      watched.stopWatching();
      this.#watched.delete(partition);
    }
    return true;
  }

  #armTimer(deadlineMs: number): void {
    if (deadlineMs >= this.#timerAtMs) return;
    this.#timer?.cancel();
    this.#timerAtMs = deadlineMs;
    this.#timer = this.#clock.timer(Math.max(deadlineMs - this.#clock.monotonicMs(), 0), () => this.#onTimer());
  }

  #onTimer(): void {
    this.#timerAtMs = Number.POSITIVE_INFINITY;
    const dueMs = this.#clock.monotonicMs() + timerGrainMs;
    let nextMs = Number.POSITIVE_INFINITY;
    for (const waiter of [...this.#all]) {
      if (waiter.deadlineMs <= dueMs) this.#wake(waiter);
      else nextMs = Math.min(nextMs, waiter.deadlineMs);
    }
    if (nextMs !== Number.POSITIVE_INFINITY) this.#armTimer(nextMs);
  }
}
