/** The sequencer against a model broker: whatever breaks, what is acknowledged is stored once and in order. */

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Attempt, PartitionSequencer, type SequencedBatch } from '../../../core/client/sequencer.ts';

interface Batch extends SequencedBatch {
  readonly name: number;
}

function batch(name: number, recordCount = 1): Batch {
  return { name, recordCount, order: 0, identity: undefined, baseSequence: -1, isInDoubt: false };
}

function identity(producerId: number) {
  return { producerId, producerEpoch: 0 };
}

function idempotent(maxInFlight = 5): PartitionSequencer<Batch> {
  return new PartitionSequencer<Batch>({ isIdempotent: true, maxInFlight });
}

/** A sequencer whose first batch is stored, so that several may be in flight. */
function established(count: number): { sequencer: PartitionSequencer<Batch>; batches: Batch[] } {
  const sequencer = idempotent();
  const first = batch(-1);
  sequencer.add(first);
  sequencer.provideIdentity(identity(1));
  sequencer.settle(sequencer.take(), 'acked');
  const batches = Array.from({ length: count }, (_, name) => batch(name));
  for (const one of batches) sequencer.add(one);
  return { sequencer, batches };
}

/** What a broker keeps of one partition: Kafka's rules for idempotent producers, with five batches remembered. */
class ModelBroker {
  readonly stored: Batch[] = [];
  readonly #producers = new Map<number, { readonly base: number; readonly last: number }[]>();

  append({ identity: producer, baseSequence, recordCount, name }: Batch, original: Batch): Attempt {
    const known = this.#producers.get(producer!.producerId);
    if (known?.some(({ base }) => base === baseSequence)) return 'acked';
    const last = known?.at(-1)?.last;
    if (last !== undefined && baseSequence !== last + 1) return 'out-of-sequence';
    expect(original.name).toBe(name);
    this.stored.push(original);
    this.#producers.set(
      producer!.producerId,
      [...(known ?? []), { base: baseSequence, last: baseSequence + recordCount - 1 }].slice(-5),
    );
    return 'acked';
  }

  forgetProducers(): void {
    for (const [producerId, batches] of this.#producers) this.#producers.set(producerId, batches.slice(0, 1));
  }
}

describe('sequencer', () => {
  test('sends one batch first, then several, and numbers them by records', () => {
    const sequencer = idempotent(3);
    for (const [name, count] of [4, 3, 2, 1, 1].entries()) sequencer.add(batch(name, count));
    expect(sequencer.needsIdentity).toBe(true);
    expect(sequencer.next).toBeUndefined();
    sequencer.provideIdentity(identity(7));
    const first = sequencer.take();
    expect(sequencer.next).toBeUndefined();
    expect(sequencer.settle(first, 'acked')).toEqual({ outcome: 'done', dropped: [] });
    const rest = [sequencer.take(), sequencer.take(), sequencer.take()];
    expect(rest.map(({ baseSequence }) => baseSequence)).toEqual([4, 7, 9]);
    expect(sequencer.next).toBeUndefined();
  });

  test('sends again from the first failure on, unchanged, once everything in flight is answered', () => {
    const { sequencer, batches } = established(3);
    const [a, b, c] = [sequencer.take(), sequencer.take(), sequencer.take()];
    expect(sequencer.settle(a, 'unknown').outcome).toBe('retry');
    expect(sequencer.settle(b, 'out-of-sequence').outcome).toBe('retry');
    expect(sequencer.next).toBeUndefined();
    expect(sequencer.settle(c, 'out-of-sequence').outcome).toBe('retry');
    expect([sequencer.take(), sequencer.take(), sequencer.take()]).toEqual(batches);
    expect(batches.map(({ baseSequence }) => baseSequence)).toEqual([1, 2, 3]);
  });

  test('gives up what stands behind a failure, and numbers anew after it', () => {
    const { sequencer, batches } = established(4);
    const [a, b] = [sequencer.take(), sequencer.take()];
    expect(sequencer.settle(a, 'failed')).toEqual({ outcome: 'given-up', dropped: batches.slice(2) });
    const later = batch(9);
    sequencer.add(later);
    expect(sequencer.next).toBeUndefined();
    expect(sequencer.settle(b, 'out-of-sequence')).toEqual({ outcome: 'given-up', dropped: [] });
    expect(sequencer.needsIdentity).toBe(true);
    sequencer.provideIdentity(identity(2));
    expect(sequencer.take()).toMatchObject({ name: 9, baseSequence: 0, identity: { producerId: 2 } });
  });

  test('starts over under a new id when the broker forgot it and nothing can be stored twice', () => {
    const { sequencer, batches } = established(2);
    const [a, b] = [sequencer.take(), sequencer.take()];
    expect(sequencer.settle(a, 'out-of-sequence').outcome).toBe('retry');
    expect(sequencer.settle(b, 'out-of-sequence').outcome).toBe('retry');
    expect(sequencer.needsIdentity).toBe(true);
    sequencer.provideIdentity(identity(2));
    expect(sequencer.take()).toBe(batches[0]);
    expect(batches[0]).toMatchObject({ baseSequence: 0, identity: { producerId: 2 } });
  });

  test('does not start over when a batch in line may be stored already', () => {
    const { sequencer } = established(2);
    const a = sequencer.take();
    sequencer.settle(a, 'unknown');
    expect(sequencer.take()).toBe(a);
    const b = sequencer.take();
    expect(sequencer.settle(a, 'out-of-sequence').outcome).toBe('lost');
    expect(sequencer.settle(b, 'out-of-sequence').outcome).toBe('given-up');
  });

  test('does not start over either when a batch comes to be in doubt meanwhile', () => {
    const { sequencer } = established(2);
    const [a, b] = [sequencer.take(), sequencer.take()];
    expect(sequencer.settle(a, 'out-of-sequence').outcome).toBe('retry');
    expect(sequencer.settle(b, 'unknown')).toEqual({ outcome: 'lost', dropped: [a] });
  });

  test('lets a batch go that was never sent, but not one that was', () => {
    const { sequencer, batches } = established(3);
    const sent = sequencer.take();
    expect(sequencer.withdraw(batches[1]!)).toBe(true);
    expect(sequencer.withdraw(sent)).toBe(false);
    sequencer.settle(sent, 'unknown');
    expect(sequencer.withdraw(sent)).toBe(false);
    expect(sequencer.waiting).toEqual([sent, batches[2]]);
    expect(sequencer.dropFrom(sent)).toEqual([sent, batches[2]]);
    expect(sequencer.isEmpty).toBe(true);
  });

  test('numbers wrap after 2^31 - 1', () => {
    const sequencer = idempotent();
    for (const [name, count] of [2 ** 31 - 2, 3, 1].entries()) sequencer.add(batch(name, count));
    sequencer.provideIdentity(identity(1));
    const bases = [0, 1, 2].map(() => {
      const one = sequencer.take();
      sequencer.settle(one, 'acked');
      return one.baseSequence;
    });
    expect(bases).toEqual([0, 2 ** 31 - 2, 1]);
  });

  test('without idempotence has one batch in flight and no numbers', () => {
    const sequencer = new PartitionSequencer<Batch>({ isIdempotent: false, maxInFlight: 5 });
    for (const name of [1, 2]) sequencer.add(batch(name));
    const first = sequencer.take();
    expect(first.identity).toBeUndefined();
    expect(sequencer.next).toBeUndefined();
    sequencer.settle(first, 'rejected');
    expect(sequencer.take()).toBe(first);
  });

  test('property: stored once and in order, whatever the network and the broker do', () => {
    const step = fc.oneof(
      { weight: 4, arbitrary: fc.constant('add' as const) },
      { weight: 6, arbitrary: fc.constant('send' as const) },
      { weight: 8, arbitrary: fc.constant('arrive' as const) },
      { weight: 2, arbitrary: fc.constantFrom('lose-answer' as const, 'cut' as const, 'refuse-next' as const) },
      { weight: 1, arbitrary: fc.constantFrom('fail-next' as const, 'forget' as const) },
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 120 }), fc.integer({ min: 1, max: 5 }), (steps, maxInFlight) => {
        const run = new ModelRun(maxInFlight);
        for (const one of steps) run.step(one);
        run.finish();
        run.check();
      }),
      { numRuns: 500 },
    );
  });
});

/** One producer, one broker and the connection between them, moved step by step. */
class ModelRun {
  readonly #sequencer: PartitionSequencer<Batch>;
  readonly #broker = new ModelBroker();
  /** Requests on the wire: what is sent is a copy, as bytes are. */
  #wire: { readonly original: Batch; readonly copy: Batch }[] = [];
  #nextName = 0;
  #nextProducerId = 1;
  #mood: 'fine' | 'refuse' | 'fail' = 'fine';
  readonly #acked: number[] = [];
  readonly #givenUp: number[] = [];

  constructor(maxInFlight: number) {
    this.#sequencer = idempotent(maxInFlight);
  }

  step(step: 'add' | 'send' | 'arrive' | 'lose-answer' | 'cut' | 'refuse-next' | 'fail-next' | 'forget'): void {
    if (step === 'add') this.#sequencer.add(batch(this.#nextName++, 1 + (this.#nextName % 3)));
    else if (step === 'send') this.#send();
    else if (step === 'arrive') this.#arrive();
    else if (step === 'refuse-next') this.#mood = 'refuse';
    else if (step === 'fail-next') this.#mood = 'fail';
    else if (step === 'forget') this.#broker.forgetProducers();
    else this.#cut(step === 'lose-answer');
  }

  finish(): void {
    while (!this.#sequencer.isEmpty) {
      this.#send();
      this.#arrive();
    }
  }

  check(): void {
    const stored = this.#broker.stored.map(({ name }) => name);
    expect(new Set(stored).size, 'nothing twice').toBe(stored.length);
    expect(stored, 'in order').toEqual(stored.toSorted((a, b) => a - b));
    expect(
      this.#acked.every((name) => stored.includes(name)),
      'what is acknowledged is stored',
    ).toBe(true);
    expect(this.#acked.length + this.#givenUp.length, 'everything was settled').toBe(this.#nextName);
  }

  #send(): void {
    if (this.#sequencer.needsIdentity) this.#sequencer.provideIdentity(identity(this.#nextProducerId++));
    if (this.#sequencer.next === undefined) return;
    const original = this.#sequencer.take();
    this.#wire.push({ original, copy: { ...original } });
  }

  #arrive(): void {
    const request = this.#wire.shift();
    if (request === undefined) return;
    const mood = this.#mood;
    this.#mood = 'fine';
    this.#settle(request.original, mood === 'fine' ? this.#append(request) : mood === 'refuse' ? 'rejected' : 'failed');
  }

  #append({ original, copy }: { original: Batch; copy: Batch }): Attempt {
    return this.#broker.append(copy, original);
  }

  /** The connection breaks; the broker may have worked on the first request before it noticed. */
  #cut(isFirstStored: boolean): void {
    const [first] = this.#wire;
    if (isFirstStored && first !== undefined) this.#append(first);
    for (const { original } of this.#wire.splice(0)) this.#settle(original, 'unknown');
  }

  #settle(original: Batch, attempt: Attempt): void {
    const { outcome, dropped } = this.#sequencer.settle(original, attempt);
    if (outcome === 'done') this.#acked.push(original.name);
    else if (outcome !== 'retry') this.#givenUp.push(original.name);
    this.#givenUp.push(...dropped.map(({ name }) => name));
  }
}
