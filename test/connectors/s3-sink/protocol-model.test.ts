/** Whatever happens between any two calls to the store, the bucket holds the topic exactly once. */

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { PlainRecord } from '../../fakes/run-of-records.ts';
import type { Fate } from './simulated-store.ts';
import { type Incarnation, SinkWorld } from './sink-world.ts';

const startMs = Date.UTC(2026, 0, 1, 0, 58);

/** Offsets with gaps, field values and times that jump around an hour's end. */
const recordArb = fc.record({
  gap: fc.nat({ max: 2 }),
  k: fc.constantFrom('a', 'b', 'c/d', ''),
  minute: fc.integer({ min: -3, max: 6 }),
});

const topicArb = fc.array(recordArb, { minLength: 1, maxLength: 40, size: 'max' }).map((plans) => {
  let offset = 0;
  return plans.map(({ gap, k, minute }): PlainRecord => {
    offset += gap;
    const record = { offset, timestampMs: startMs + minute * 60_000, value: JSON.stringify({ n: offset, k }) };
    offset += 1;
    return record;
  });
});

const settingsArb = fc.record({
  'flush.size': fc.constantFrom('0', '1', '3', '7'),
  'max.open.files': fc.constantFrom('1', '3', '100'),
  'upload.concurrency': fc.constantFrom('1', '4'),
  'rotate.interval.ms': fc.constantFrom('-1', '120000'),
  's3.compression.type': fc.constantFrom('none', 'none', 'zstd'),
  layout: fc.constantFrom('default', 'field', 'hourly', 'wallclock'),
});

const layouts: Readonly<Record<string, Record<string, string>>> = {
  default: {},
  field: { 'partitioner.class': 'field', 'partition.field.name': 'k' },
  hourly: { 'partitioner.class': 'hourly', 'timestamp.extractor': 'Record', 'partition.grace.ms': '1m' },
  wallclock: { 'partitioner.class': 'time', 'path.format': "'m'=mm", 'partition.duration.ms': '60000' },
};

/** Weighted so that runs get somewhere. */
const fateArb = fc.oneof(
  { weight: 30, arbitrary: fc.constant<Fate>('fine') },
  { weight: 3, arbitrary: fc.constant<Fate>('late') },
  { weight: 2, arbitrary: fc.constantFrom<Fate>('refused', 'throttled', 'answer-lost', 'conflict', 'vanishes') },
  { weight: 1, arbitrary: fc.constantFrom<Fate>('dies-before', 'dies-after') },
);

const actionArb = fc.oneof(
  { weight: 8, arbitrary: fc.record({ kind: fc.constant('put' as const), count: fc.integer({ min: 1, max: 9 }) }) },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant('zombie-put' as const), count: fc.integer({ min: 1, max: 9 }) }),
  },
  {
    weight: 8,
    arbitrary: fc.record({
      kind: fc.constantFrom('drain', 'zombie-drain', 'age', 'settle', 'kill', 'restart', 'take-over', 'lose-upload'),
      count: fc.constant(0),
    }),
  },
);

type Action = { readonly kind: string; readonly count: number };

/** The current owner and one that does not know yet that it is none any more. */
interface Lives {
  owner: Incarnation | undefined;
  zombie: Incarnation | undefined;
}

async function act(world: SinkWorld, lives: Lives, { kind, count }: Action): Promise<void> {
  if (lives.owner !== undefined && world.isOver(lives.owner)) {
    if (!lives.owner.store.isDead) await world.close(lives.owner);
    lives.owner = undefined;
  }
  lives.owner ??= await world.start();
  const { owner, zombie } = lives;
  if (owner === undefined) return;
  if (kind === 'put') await world.put(owner, count);
  else if (kind === 'drain') await world.drain(owner);
  else if (kind === 'age') await world.clock.advance(700_000);
  else if (kind === 'settle') await turns(100);
  else if (kind === 'kill') owner.store.kill();
  else if (kind === 'restart') {
    await world.close(owner);
    lives.owner = undefined;
  } else if (kind === 'take-over') {
    lives.zombie = owner;
    lives.owner = await world.start();
  } else if (kind === 'lose-upload') {
    for (const id of [...world.bucket.uploads.keys()].slice(0, 1)) world.bucket.uploads.delete(id);
  } else if (zombie !== undefined && !world.isOver(zombie)) {
    if (kind === 'zombie-put') await world.put(zombie, count);
    if (kind === 'zombie-drain') await world.drain(zombie);
  }
}

async function turns(count: number): Promise<void> {
  for (let i = 0; i < count; i++) await new Promise((resolve) => setImmediate(resolve));
}

/** A last owner with nothing against it reads the topics to their ends. */
async function finish(world: SinkWorld): Promise<void> {
  world.isCalm = true;
  for (let attempt = 0; attempt < 5; attempt++) {
    const owner = await world.start();
    if (owner === undefined) continue;
    await world.put(owner, 1000);
    await world.drain(owner);
    const isDone = !world.isOver(owner);
    await world.close(owner);
    if (isDone) return;
  }
  throw new Error('the topics were not read to their ends in five attempts');
}

describe('the prepared-multipart protocol', () => {
  test('leaves neither gap nor duplicate, whatever crashes, fails or returns from the dead (1-7, 11-15, 21-25)', async () => {
    const property = fc.asyncProperty(
      fc.array(topicArb, { minLength: 1, maxLength: 2 }),
      settingsArb,
      fc.array(fateArb, { maxLength: 150, size: 'max' }),
      fc.array(actionArb, { minLength: 1, maxLength: 25, size: 'max' }),
      async (topics, { layout, ...settings }, fates, actions) => {
        const contents = new Map(topics.map((records, i) => [`t-${i}`, records]));
        const world = new SinkWorld({
          topics: contents,
          settings: {
            name: 'model',
            'connector.class': 's3',
            topics: 't',
            's3.bucket.name': 'b',
            ...settings,
            ...layouts[layout],
          },
          fate: () => fates.shift() ?? 'fine',
        });
        const lives: Lives = { owner: undefined, zombie: undefined };
        for (const action of actions) {
          await act(world, lives, action);
          world.visible();
          expect(world.broken).toEqual([]);
        }
        await finish(world);
        const visible = world.visible();
        expect(world.broken).toEqual([]);
        for (const [name, records] of contents) {
          expect((visible.get(name) ?? []).toSorted((a, b) => a - b)).toEqual(records.map(({ offset }) => offset));
          expect(world.committed.get(name)).toBe(records.at(-1)!.offset + 1);
        }
      },
    );
    await fc.assert(property, { numRuns: Number(process.env['MODEL_RUNS'] ?? 60) });
  });
});
