/** Compaction: the newest record of each key stays, offsets stay, tombstones go in time, and a crash at any step changes nothing of that. */

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { planCompaction } from '../../../core/log/compaction-plan.ts';
import { KeyOffsets } from '../../../core/log/key-offsets.ts';
import { kafkaErrors } from '../../../core/protocol/kafka-errors.ts';
import { readAll, type SeenRecord, TestMachine, type TestRecord, testConfig } from './fixtures.ts';

const compacted = { isCompacted: true, isDeleted: false, segmentBytes: 500, minCleanableDirtyRatio: 0.01 };
const hourMs = 3_600_000;

/** Without the cache of recent batches every read shows what is in the files. */
const fromFiles = { compactionIntervalMs: 1000, tailCacheBytes: 0 };

/** What a reader of a compacted topic must be able to rebuild. */
function stateOf(records: readonly SeenRecord[]): Map<string, string> {
  const state = new Map<string, string>();
  for (const { key, value } of records) {
    if (value === null) state.delete(key!);
    else state.set(key!, value);
  }
  return state;
}

async function machineWith(batches: readonly (readonly TestRecord[])[], config = {}) {
  const m = new TestMachine({ config: { ...compacted, ...config }, ...fromFiles });
  await m.start();
  for (const batch of batches) await m.append(batch);
  return m;
}

const filler = (count: number): TestRecord[][] =>
  Array.from({ length: count }, (_, n) => [{ key: `filler${n}`, value: 'x'.repeat(100) }]);

describe('compaction', () => {
  test('keeps the newest record of each key at its offset, across batches, segments, codecs and restarts', async () => {
    for (const compression of ['none', 'gzip', 'zstd', 'lz4', 'snappy'] as const) {
      const m = await machineWith([]);
      for (let n = 0; n < 30; n += 1) {
        const records = [0, 1, 2].map((i) => ({ key: `k${(n * 3 + i) % 7}`, value: `${n}.${i}${'.'.repeat(30)}` }));
        await m.append(records, { compression });
      }
      const before = await readAll(m.log);
      const size = m.log.sizeBytes;
      await m.clock.advance(1000);
      const after = await readAll(m.log);
      expect(m.log.sizeBytes).toBeLessThan(size / 2);
      expect(stateOf(after)).toEqual(stateOf(before));
      for (const record of after) expect(before[record.offset]).toEqual(record);
      await m.restart();
      expect(await readAll(m.log)).toEqual(after);
      m.disk.crash({ kind: 'power' });
      await m.start();
      expect(await readAll(m.log)).toEqual(after);
      expect(await m.append([{ key: 'k', value: 'v' }])).toMatchObject({ baseOffset: 90 });
    }
  });

  test('a tombstone stays readable for delete.retention.ms and then goes', async () => {
    const m = await machineWith([[{ key: 'a', value: '1' }], [{ key: 'a', value: null }], ...filler(5)], {
      deleteRetentionMs: hourMs,
    });
    const tombstones = async () => (await readAll(m.log)).filter((record) => record.value === null);
    await m.clock.advance(1000);
    expect((await readAll(m.log)).filter((record) => record.key === 'a')).toMatchObject([{ offset: 1, value: null }]);
    const [{ timestampMs }] = (await tombstones()) as [SeenRecord];
    expect(timestampMs).toBe(Date.UTC(2026, 0, 1));
    for (const batch of filler(10)) await m.append(batch);
    await m.clock.advance(hourMs - 5000);
    expect(await tombstones()).toHaveLength(1);
    await m.clock.advance(10_000);
    for (const batch of filler(10)) await m.append(batch);
    await m.clock.advance(1000);
    expect(await tombstones()).toHaveLength(0);
  });

  test('the last sequence of a producer survives although all its records were replaced', async () => {
    const m = await machineWith([]);
    const stamp = (baseSequence: number) => ({ producer: { producerId: 9, producerEpoch: 3, baseSequence } });
    await m.append([{ key: 'a', value: '1' }], stamp(0));
    await m.append([{ key: 'a', value: '2' }], stamp(1));
    await m.append([{ key: 'a', value: '3' }]);
    for (const batch of filler(20)) await m.append(batch);
    await m.clock.advance(1000);
    expect((await readAll(m.log)).filter((record) => record.key === 'a')).toMatchObject([{ offset: 2 }]);
    for (const file of m.files().filter((name) => name.endsWith('.snapshot'))) await m.disk.remove(m.path(file));
    m.disk.crash({ kind: 'process' });
    for (const file of m.files().filter((name) => name.endsWith('.snapshot'))) await m.disk.remove(m.path(file));
    await m.start();
    expect(await m.append([{ key: 'a', value: '2' }], stamp(1))).toMatchObject({ errorCode: 0, baseOffset: 1 });
    expect((await m.append([{ key: 'a', value: '9' }], stamp(5))).errorCode).toBe(
      kafkaErrors.OUT_OF_ORDER_SEQUENCE_NUMBER,
    );
    expect(await m.append([{ key: 'a', value: '4' }], stamp(2))).toMatchObject({ errorCode: 0 });
  });

  test('more keys than there is memory for are cleaned in several goes', async () => {
    const m = new TestMachine({ config: compacted, ...fromFiles, compactionKeyBytes: 24 * 10 });
    await m.start();
    for (let n = 0; n < 60; n += 1) await m.append([{ key: `k${n % 25}`, value: `${n}${'.'.repeat(60)}` }]);
    const state = stateOf(await readAll(m.log));
    await m.clock.advance(1000);
    expect(stateOf(await readAll(m.log))).toEqual(state);
    expect((await readAll(m.log)).length).toBeLessThan(45);
  });

  test('a full disk ends it for now, and nothing is lost', async () => {
    const m = await machineWith(filler(20).concat(filler(20)));
    const before = await readAll(m.log);
    m.disk.capacityBytes = m.disk.usedBytes;
    await m.clock.advance(1000);
    expect(await readAll(m.log)).toEqual(before);
    expect(m.logs.failed.aborted).toBe(false);
    m.disk.capacityBytes = Number.POSITIVE_INFINITY;
    await m.clock.advance(1000);
    expect((await readAll(m.log)).length).toBeLessThan(30);
    await m.clock.advance(70_000);
    expect(m.files().filter((file) => /deleted|cleaned|swap/.test(file))).toEqual([]);
  });

  test('readers are served while it runs', async () => {
    const m = await machineWith(filler(30).concat(filler(30)));
    const advancing = m.clock.advance(1000);
    for (let n = 0; n < 20; n += 1) {
      const records = await readAll(m.log, 200);
      expect(stateOf(records).size).toBe(30);
    }
    await advancing;
  });

  test('a crash at any step of it', async () => {
    for (let steps = 0; ; steps += 1) {
      const m = await machineWith([...filler(8), [{ key: 'filler2', value: null }], ...filler(2), ...filler(8)]);
      const before = stateOf(await readAll(m.log));
      m.disk.dieAfter(steps);
      await m.clock.advance(1000);
      const isWhole = !m.disk.isDead;
      m.disk.crash({ kind: 'power', keptNames: (count) => steps % (count + 1) });
      await m.start();
      expect(m.log.failure).toBeUndefined();
      expect(stateOf(await readAll(m.log))).toEqual(before);
      expect(m.log.logEndOffset).toBe(19);
      expect(m.files().filter((file) => /deleted|cleaned|swap/.test(file))).toEqual([]);
      await m.clock.advance(1000);
      expect(stateOf(await readAll(m.log))).toEqual(before);
      if (isWhole) break;
    }
  });

  test('random keys and values, cleaned at random times: a reader rebuilds the same state', async () => {
    const record = fc.record({
      key: fc.integer({ min: 0, max: 6 }).map(String),
      value: fc.option(fc.string({ maxLength: 60 })),
    });
    const step = fc.oneof(
      { weight: 6, arbitrary: fc.array(record, { minLength: 1, maxLength: 5 }) },
      { weight: 1, arbitrary: fc.constantFrom('clean' as const, 'restart' as const, 'late' as const) },
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
        const m = await machineWith([], { deleteRetentionMs: 5000, segmentBytes: 400 });
        const all: TestRecord[] = [];
        for (const next of steps) {
          if (next === 'restart') await m.restart();
          else if (typeof next === 'string') await m.clock.advance(next === 'late' ? 20_000 : 1000);
          else {
            await m.append(next);
            all.push(...next);
          }
        }
        const seen = await readAll(m.log);
        expect(stateOf(seen)).toEqual(stateOf(all as SeenRecord[]));
        for (const { offset, key, value } of seen) expect(all[offset]).toEqual({ key, value });
      }),
      { numRuns: 60 },
    );
  });
});

describe('the plan', () => {
  const segment = (baseOffset: number, nextOffset: number, maxTimestampMs = 0) => ({
    baseOffset,
    nextOffset,
    maxTimestampMs,
    sizeBytes: 100,
  });
  const question = {
    segments: [segment(0, 10), segment(10, 20, 50), segment(20, 30, 90), segment(30, 30)],
    cleanedOffset: 10,
    logStartOffset: 0,
    lastStableOffset: 30,
    nowMs: 100,
  };
  const config = testConfig({ isCompacted: true, minCleanableDirtyRatio: 0.5 });

  test.each([
    ['the ended segments behind the clean ones', {}, {}, { fromOffset: 10, toOffset: 30 }],
    ['not when too little is dirty', {}, { minCleanableDirtyRatio: 0.9 }, undefined],
    ['unless something waited too long', {}, { minCleanableDirtyRatio: 0.9, maxCompactionLagMs: 20 }, { toOffset: 30 }],
    ['not what is too young', {}, { minCompactionLagMs: 20 }, { fromOffset: 10, toOffset: 20 }],
    ['not behind the last stable offset', { lastStableOffset: 25 }, {}, { fromOffset: 10, toOffset: 20 }],
    ['nothing when all is clean', { cleanedOffset: 30 }, {}, undefined],
  ])('%s', (_, change, settings, expected) => {
    const plan = planCompaction({ ...question, ...change }, { ...config, ...settings });
    if (expected === undefined) expect(plan).toBeUndefined();
    else expect(plan).toMatchObject(expected);
  });
});

test('the table of keys answers like a map', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.string({ maxLength: 40 }), fc.nat()), { maxLength: 200 }), (entries) => {
      const table = new KeyOffsets({ maxKeys: 200, maxBytes: 1e6 });
      const map = new Map<string, number>();
      for (const [key, offset] of entries) {
        const bytes = Buffer.from(`..${key}`);
        table.set(bytes, { start: 2, end: bytes.length }, offset);
        map.set(key, offset);
      }
      for (const [key, offset] of map) expect(table.get(Buffer.from(key), 0, Buffer.byteLength(key))).toBe(offset);
      expect(table.get(Buffer.from('\u0001 nobody has this one'), 0, 23)).toBe(-1);
      expect(table.count).toBe(map.size);
    }),
  );
});
