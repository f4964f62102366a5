/** Dead letters once each: through restarts that lose the rest of the world, new owners, and a transaction that fails anywhere. */

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { defineErrors } from '../../../core/base/errors.ts';
import { RecordCursor } from '../../../core/protocol/record-cursor.ts';
import { DeadLetterLane, type LaneProducer } from '../../../workers/task-thread/dead-letter-lane.ts';
import { ExactDeadLetters } from '../../../workers/task-thread/exact-dead-letters.ts';

const testErrors = defineErrors('dead-letter-test', {
  broken: { meaning: 'It broke.', fix: 'Mend it.', retriable: true },
  fenced: { meaning: 'Somebody else has it.', fix: 'Stop.', retriable: false },
});

const at = { topic: 'numbers', partition: 0 };

/** The dead letter topic, the positions, and one epoch: what a cluster keeps of one transactional id. */
class Ledger {
  readonly letters: string[] = [];
  position = 0;
  epoch = 0;
  /** Steps of transactions until one breaks; the rest of its transaction is lost. */
  breaksAfter = Number.POSITIVE_INFINITY;

  lane(): DeadLetterLane {
    return new DeadLetterLane({
      at,
      deadLetterTopic: 'dlq',
      positionsGroup: 'positions',
      batchBytes: 2_500,
      openProducer: async () => this.#producer(),
      readPosition: async () => this.position,
    });
  }

  #producer(): LaneProducer {
    const epoch = ++this.epoch;
    let letters: string[] = [];
    let position = this.position;
    const step = () => {
      if (epoch !== this.epoch) throw testErrors.error('fenced', { message: 'replaced' });
      if (this.breaksAfter-- <= 0) throw testErrors.error('broken', { message: 'gone' });
    };
    return {
      send: async (batches) => {
        step();
        letters = batches.flatMap(({ batch }) => valuesOf(batch));
      },
      sendOffsets: async (_group, positions) => {
        step();
        position = positions[0]!.offset;
      },
      commit: async () => {
        step();
        this.letters.push(...letters);
        this.position = position;
      },
      close: () => {},
    };
  }
}

function valuesOf(batch: Buffer): string[] {
  const cursor = new RecordCursor();
  const values: string[] = [];
  cursor.reset(batch);
  while (cursor.next()) values.push(cursor.bytes.toString('utf8', cursor.valueStart, cursor.valueEnd));
  return values;
}

const record = (offset: number) => ({ key: null, value: Buffer.from(String(offset)), timestampMs: 1 });

test('writes what is reported in one turn together, and remembers how far it is', async () => {
  const ledger = new Ledger();
  const lane = ledger.lane();
  await Promise.all([3, 5].map((offset) => lane.write(offset, record(offset))));
  expect(ledger.letters).toEqual(['3', '5']);
  expect(ledger.position).toBe(6);
  expect(lane.pendingBytes).toBe(0);
});

test('a record that is given again is not written again, in the same run or a later one', async () => {
  const ledger = new Ledger();
  const first = ledger.lane();
  await first.write(3, record(3));
  await first.write(3, record(3));
  const second = ledger.lane();
  await second.write(3, record(3));
  await second.write(4, record(4));
  expect(ledger.letters).toEqual(['3', '4']);
});

test('a stale owner is refused, with an error that lets its task start again', async () => {
  const ledger = new Ledger();
  const stale = ledger.lane();
  await stale.write(1, record(1));
  const owner = ledger.lane();
  await owner.write(2, record(2));
  await expect(stale.write(2, record(2))).rejects.toMatchObject({ code: 'worker/fenced', retriable: true });
  await owner.write(7, record(7));
  expect(ledger.letters).toEqual(['1', '2', '7']);
});

test('a lane that was given up asks anew for what others wrote', async () => {
  const ledger = new Ledger();
  const letters = new ExactDeadLetters({ topic: 'dlq', openLane: () => ledger.lane(), mostPendingBytes: 10_000 });
  await letters.write(at, 1, record(1));
  await ledger.lane().write(2, record(2));
  letters.forget([at]);
  await letters.write(at, 2, record(2));
  await letters.write(at, 3, record(3));
  expect(ledger.letters).toEqual(['1', '2', '3']);
});

test('refuses more than may wait', async () => {
  const ledger = new Ledger();
  const letters = new ExactDeadLetters({ topic: 'dlq', openLane: () => ledger.lane(), mostPendingBytes: 1_500 });
  const first = letters.write(at, 1, record(1));
  const second = letters.write(at, 2, record(2));
  await expect(letters.write(at, 3, record(3))).rejects.toMatchObject({ code: 'worker/too-many-dead-letters' });
  await Promise.all([first, second]);
  expect(ledger.letters).toEqual(['1', '2']);
});

test('keeps a bounded number of lanes, and goes on after making room', async () => {
  const ledgers = new Map<number, Ledger>();
  const openLane = ({ partition }: { partition: number }) => {
    const ledger = ledgers.get(partition) ?? new Ledger();
    ledgers.set(partition, ledger);
    return ledger.lane();
  };
  const letters = new ExactDeadLetters({ topic: 'dlq', openLane, mostPendingBytes: 1_000_000 });
  for (const offset of [1, 2]) {
    for (let partition = 0; partition < 40; partition++) {
      await letters.write({ topic: 'numbers', partition }, offset, record(offset));
    }
  }
  for (const ledger of ledgers.values()) expect(ledger.letters).toEqual(['1', '2']);
});

test('each bad record is dead-lettered once, wherever transactions break and however often records are read again', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.uniqueArray(fc.nat(60), { minLength: 1, maxLength: 20 }),
      fc.array(fc.nat(8), { maxLength: 12 }),
      async (unsorted, breaks) => {
        const offsets = unsorted.toSorted((a, b) => a - b);
        const ledger = new Ledger();
        for (const breaksAfter of [...breaks, Number.POSITIVE_INFINITY]) {
          ledger.breaksAfter = breaksAfter;
          const lane = ledger.lane();
          // A sink that failed reads from its last commit, which may lie before all of them.
          for (const offset of offsets) {
            const isWritten = await lane.write(offset, record(offset)).then(
              () => true,
              () => false,
            );
            if (!isWritten) break;
          }
        }
        expect(ledger.letters).toEqual(offsets.map(String));
      },
    ),
  );
});
