/**
 * One partition of a producer: which batches may be sent now, under which sequence numbers, and what an answer means
 * for them. Pure: no clock, no I/O; the shell sends what `take` gives and reports what came of it.
 *
 * Batches go out in order, several in flight. After a failure nothing more is sent until everything in flight has been
 * answered; then the unanswered ones go out again from the first, unchanged (same producer id, epoch and sequence), so
 * that the broker recognises those it has. A batch that cannot be delivered takes those behind it with it: nothing is
 * ever written behind a hole.
 */

import { invariant } from '../base/errors.ts';

export interface ProducerIdentity {
  readonly producerId: number;
  readonly producerEpoch: number;
}

/** What the sequencer keeps on a batch; all but the count is its own to change. */
export interface SequencedBatch {
  readonly recordCount: number;
  /** Place among all batches of the partition. */
  order: number;
  /** Unset until the batch is first sent, and again when it is to be sent as if new. */
  identity: ProducerIdentity | undefined;
  baseSequence: number;
  /** An attempt ended without a clear answer: the broker may have stored the batch. */
  isInDoubt: boolean;
}

/**
 * How an attempt ended: stored; certainly not stored but worth another try; unclear; the broker expected another
 * sequence number or does not know the producer; never going to be accepted.
 */
export type Attempt = 'acked' | 'rejected' | 'unknown' | 'out-of-sequence' | 'failed';

export interface Verdict<B> {
  /** `lost`: the broker forgot the producer, and a second copy of a batch in line cannot be ruled out. */
  readonly outcome: 'done' | 'retry' | 'given-up' | 'lost';
  /** Batches behind this one that are given up with it. */
  readonly dropped: readonly B[];
}

/** Sequence numbers wrap after 2^31 - 1. */
const sequenceModulus = 2 ** 31;

const nothing: readonly never[] = [];

export class PartitionSequencer<B extends SequencedBatch> {
  readonly #maxInFlight: number;
  readonly #isIdempotent: boolean;
  #identity: ProducerIdentity | undefined;
  #nextSequence = 0;
  #nextOrder = 0;
  /** Not sent, or to be sent again; in order. */
  #waiting: B[] = [];
  /** Sent and not answered; in order. */
  #inFlight: B[] = [];
  /**
   * The broker has stored a batch of this numbering. Before that it accepts any sequence number, also one behind a
   * batch that it refused, so one batch has to go first alone.
   */
  #isEstablished = false;
  /** Set by a failure, cleared once nothing is in flight. */
  #isRecovering = false;
  /** The broker forgot the producer; numbering starts again once nothing is in flight. */
  #isStartingOver = false;
  /** A numbered batch was given up: what is in flight is the last of this numbering. */
  #hasHole = false;

  constructor(options: { isIdempotent: boolean; maxInFlight: number }) {
    this.#isIdempotent = options.isIdempotent;
    this.#maxInFlight = options.isIdempotent ? options.maxInFlight : 1;
  }

  get isEmpty(): boolean {
    return this.#waiting.length === 0 && this.#inFlight.length === 0;
  }

  get waiting(): readonly B[] {
    return this.#waiting;
  }

  /** True when only a producer id is missing to send the next batch. */
  get needsIdentity(): boolean {
    return this.#isIdempotent && this.#identity === undefined && this.#first() !== undefined;
  }

  /** The batch that `take` would give, or undefined when none may be sent now. */
  get next(): B | undefined {
    return this.needsIdentity ? undefined : this.#first();
  }

  add(batch: B): void {
    batch.order = this.#nextOrder++;
    this.#waiting.push(batch);
  }

  provideIdentity(identity: ProducerIdentity): void {
    invariant(this.#identity === undefined, 'a partition is numbered under one producer id at a time');
    this.#identity = identity;
    this.#nextSequence = 0;
    this.#isEstablished = false;
  }

  /** Moves the next batch in flight, and numbers it if it is new. */
  take(): B {
    const batch = this.next;
    invariant(batch !== undefined, 'take needs a batch that may be sent');
    this.#waiting.shift();
    this.#inFlight.push(batch);
    if (batch.identity === undefined && this.#identity !== undefined) {
      batch.identity = this.#identity;
      batch.baseSequence = this.#nextSequence;
      this.#nextSequence = (this.#nextSequence + batch.recordCount) % sequenceModulus;
    }
    return batch;
  }

  settle(batch: B, attempt: Attempt): Verdict<B> {
    const index = this.#inFlight.indexOf(batch);
    invariant(index >= 0, 'only a batch in flight can be settled');
    if (attempt === 'unknown') batch.isInDoubt = true;
    if (attempt === 'acked') this.#isEstablished = true;
    const outcome = this.#judge(batch, attempt);
    this.#inFlight.splice(index, 1);
    if (outcome !== 'done') this.#isRecovering = true;
    if (outcome === 'retry') this.#putBack(batch);
    const dropped = outcome === 'given-up' || outcome === 'lost' ? this.#makeHole() : nothing;
    this.#recoverWhenQuiet();
    return { outcome, dropped };
  }

  /** Takes out a waiting batch and everything behind it: the caller gives them up. Empty when it is not waiting. */
  dropFrom(batch: B): readonly B[] {
    const index = this.#waiting.indexOf(batch);
    if (index < 0) return nothing;
    const dropped = this.#waiting.splice(index);
    if (dropped.some(({ identity }) => identity !== undefined)) this.#hasHole = true;
    this.#recoverWhenQuiet();
    return dropped;
  }

  isInFlight(batch: B): boolean {
    return this.#inFlight.includes(batch);
  }

  /** Empties the line, for good: answers still to come find their batch gone. */
  takeAll(): readonly B[] {
    const all = [...this.#inFlight, ...this.#waiting];
    this.#inFlight = [];
    this.#waiting = [];
    return all;
  }

  /** Takes out a batch that was never numbered, so that nobody will miss it; false when it is too late for that. */
  withdraw(batch: B): boolean {
    const index = batch.identity === undefined ? this.#waiting.indexOf(batch) : -1;
    if (index >= 0) this.#waiting.splice(index, 1);
    return index >= 0;
  }

  #first(): B | undefined {
    const maxInFlight = this.#isEstablished ? this.#maxInFlight : 1;
    return this.#isRecovering || this.#inFlight.length >= maxInFlight ? undefined : this.#waiting[0];
  }

  #judge(batch: B, attempt: Attempt): Verdict<B>['outcome'] {
    if (attempt === 'acked') return 'done';
    if (attempt === 'failed' || this.#hasHole) return 'given-up';
    if (this.#isStartingOver) return attempt === 'unknown' ? 'lost' : 'retry';
    return attempt === 'out-of-sequence' ? this.#judgeSequence(batch) : 'retry';
  }

  /**
   * Behind a batch that is still to be delivered, the complaint is only its echo. From the first in line it means that
   * the broker forgot the producer: starting over under a new id is safe when no batch in line may be stored already.
   */
  #judgeSequence(batch: B): 'retry' | 'lost' {
    const isFirst = this.#inFlight[0] === batch && (this.#waiting[0]?.order ?? Number.POSITIVE_INFINITY) > batch.order;
    if (!isFirst) return 'retry';
    const isInDoubt = [...this.#inFlight, ...this.#waiting].some((other) => other.isInDoubt);
    if (isInDoubt) return 'lost';
    this.#isStartingOver = true;
    return 'retry';
  }

  /** The first failure of a numbering takes everything that waits; what was added after it belongs to the next. */
  #makeHole(): readonly B[] {
    if (this.#hasHole) return nothing;
    this.#hasHole = true;
    const dropped = this.#waiting;
    this.#waiting = [];
    return dropped;
  }

  #putBack(batch: B): void {
    const index = this.#waiting.findIndex((other) => other.order > batch.order);
    this.#waiting.splice(index < 0 ? this.#waiting.length : index, 0, batch);
  }

  #recoverWhenQuiet(): void {
    if (this.#inFlight.length > 0) return;
    this.#isRecovering = false;
    if (!this.#hasHole && !this.#isStartingOver) return;
    this.#hasHole = false;
    this.#isStartingOver = false;
    this.#identity = undefined;
    for (const batch of this.#waiting) batch.identity = undefined;
  }
}
