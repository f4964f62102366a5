/** The machine of one transactional id over random requests, lost records and restarts: an outcome that was begun is never another one. */

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { needsProducerId, stepTxn, type TxnEffect, type TxnEvent } from '../../../core/coordinator/txn-machine.ts';
import { decodeTxnValue, encodeTxnValue } from '../../../core/coordinator/txn-records.ts';
import { newTxn, restoreTxn, type Txn, type TxnSnapshot } from '../../../core/coordinator/txn-state.ts';
import { kafkaErrors } from '../../../core/protocol/kafka-errors.ts';

type Command =
  | { readonly kind: 'init' | 'add' | 'marked' | 'tick' | 'restart' }
  | { readonly kind: 'end'; readonly isCommit: boolean }
  | { readonly kind: 'stored'; readonly isStored: boolean };

const command: fc.Arbitrary<Command> = fc.oneof(
  fc.constantFrom<Command>(
    { kind: 'init' },
    { kind: 'add' },
    { kind: 'marked' },
    { kind: 'tick' },
    { kind: 'restart' },
  ),
  fc.record({ kind: fc.constant('end' as const), isCommit: fc.boolean() }),
  fc.record({ kind: fc.constant('stored' as const), isStored: fc.boolean() }),
  fc.constant<Command>({ kind: 'stored', isStored: true }),
);

/** One id with the log behind it; a producer that uses whatever identity it got last. */
class Model {
  txn: Txn = newTxn('t', 0);
  #nowMs = 0;
  #token = 0;
  #nextId = 1;
  /** Records on their way, in order. */
  #waiting: { storeId: number; snapshot: TxnSnapshot | undefined }[] = [];
  #logged: TxnSnapshot | undefined;
  identity = { producerId: -1, producerEpoch: -1 };
  readonly answers: number[] = [];

  do(wanted: Command): void {
    this.#nowMs += 1;
    if (wanted.kind === 'restart') this.#restart();
    else if (wanted.kind === 'stored') this.#store(wanted.isStored);
    else this.step(this.#eventOf(wanted));
  }

  step(event: TxnEvent): void {
    const { status } = this.txn;
    const { txn, effects } = stepTxn(this.txn, event, { wallMs: this.#nowMs, monotonicMs: this.#nowMs });
    // What was durably decided stays decided.
    if (status === 'PrepareCommit') expect(['PrepareCommit', 'CompleteCommit']).toContain(txn.status);
    if (status === 'PrepareAbort') expect(['PrepareAbort', 'CompleteAbort']).toContain(txn.status);
    // An epoch never goes back while the id stays.
    if (txn.producerId === this.txn.producerId)
      expect(txn.producerEpoch).toBeGreaterThanOrEqual(this.txn.producerEpoch);
    this.txn = txn;
    for (const effect of effects) this.#take(effect);
  }

  #take(effect: TxnEffect): void {
    if (effect.kind === 'store') this.#waiting.push(effect);
    // Markers are written only for what is durable.
    else if (effect.kind === 'mark') expect(this.#logged?.status).toBe(this.txn.status);
    else {
      this.answers.push(effect.answer.errorCode);
      if (effect.answer.errorCode === kafkaErrors.NONE) this.identity = effect.answer;
    }
  }

  #eventOf(wanted: Exclude<Command, { kind: 'restart' | 'stored' }>): TxnEvent {
    const token = this.#token++;
    if (wanted.kind === 'init') {
      const freshId = needsProducerId(this.txn) ? this.#nextId++ : undefined;
      return { kind: 'init', token, timeoutMs: 5, expected: undefined, freshId };
    }
    if (wanted.kind === 'add')
      return { kind: 'add', token, ...this.identity, partitions: new Map([['t', new Set([0])]]) };
    if (wanted.kind === 'end') return { kind: 'end', token, ...this.identity, isCommit: wanted.isCommit };
    return wanted as TxnEvent;
  }

  #store(isStored: boolean): void {
    const record = this.#waiting.shift();
    if (record === undefined) return;
    if (isStored && record.snapshot !== undefined) this.#logged = decodeTxnValue(encodeTxnValue(record.snapshot));
    const errorCode = isStored ? kafkaErrors.NONE : kafkaErrors.KAFKA_STORAGE_ERROR;
    this.step({ kind: 'stored', storeId: record.storeId, errorCode });
  }

  /** What was not in the log is gone. */
  #restart(): void {
    this.#waiting = [];
    this.txn = this.#logged === undefined ? newTxn('t', 0) : restoreTxn('t', this.#logged, this.#nowMs + 5);
  }
}

test('whatever is asked, stored, lost and restarted', () => {
  fc.assert(
    fc.property(fc.array(command, { maxLength: 60 }), (commands) => {
      const model = new Model();
      for (const wanted of commands) model.do(wanted);
      // From anywhere it comes to rest, and a new producer gets to work.
      for (let n = 0; n < 6; n += 1) model.do({ kind: 'stored', isStored: true });
      for (let n = 0; n < 3; n += 1) {
        model.do({ kind: 'init' });
        model.do({ kind: 'stored', isStored: true });
        model.do({ kind: 'marked' });
        model.do({ kind: 'stored', isStored: true });
      }
      expect(model.txn.status).toBe('Empty');
      expect(model.answers.at(-1)).toBe(kafkaErrors.NONE);
      expect(model.identity).toMatchObject({
        producerId: model.txn.producerId,
        producerEpoch: model.txn.producerEpoch,
      });
    }),
    { numRuns: 500 },
  );
});

test('the epochs of an id are used up: the next producer has a new id', () => {
  const nothing = { timeoutMs: 5, partitions: new Map(), startMs: -1, updatedMs: 0 };
  const worn = restoreTxn('t', { ...nothing, producerId: 1, producerEpoch: 32_766, status: 'Empty' }, Infinity);
  const now = { wallMs: 1, monotonicMs: 1 };
  const asked = stepTxn(worn, { kind: 'init', token: 1, timeoutMs: 5, expected: undefined, freshId: 2 }, now);
  expect(asked.effects).toMatchObject([{ kind: 'store', snapshot: { producerId: 2, producerEpoch: 0 } }]);
});

test('a transaction that takes too long is aborted under the next epoch', () => {
  const ongoing = {
    ...{ timeoutMs: 5, startMs: 0, updatedMs: 0, producerId: 1, producerEpoch: 3, status: 'Ongoing' as const },
    partitions: new Map([['t', new Set([0])]]),
  };
  const txn = restoreTxn('t', ongoing, 5);
  expect(stepTxn(txn, { kind: 'tick' }, { wallMs: 4, monotonicMs: 4 }).effects).toEqual([]);
  expect(stepTxn(txn, { kind: 'tick' }, { wallMs: 5, monotonicMs: 5 }).effects).toMatchObject([
    { kind: 'store', snapshot: { status: 'PrepareAbort', producerEpoch: 4 }, isUrgent: true },
  ]);
});
