/** Retention and the log start: what goes, when, and that nothing else does. */

import { describe, expect, test } from 'vitest';
import { planRetention } from '../../../core/log/retention.ts';
import { batchOf, dataDir, readAll, TestMachine, testConfig } from './fixtures.ts';

const startMs = Date.UTC(2026, 0, 1);

describe('the plan', () => {
  const segment = (baseOffset: number, maxTimestampMs: number) => ({
    baseOffset,
    nextOffset: baseOffset + 10,
    sizeBytes: 100,
    maxTimestampMs,
  });
  const question = {
    segments: [segment(0, 100), segment(10, 300), segment(20, 200), segment(30, 900)],
    logStartOffset: 0,
    highWatermark: 40,
    nowMs: 1000,
  };
  const never = { retentionMs: -1, retentionBytes: -1 };

  test.each([
    ['nothing without limits', {}, never, { dropCount: 0, rollFirst: false }],
    ['by age, from the front only', {}, { ...never, retentionMs: 750 }, { dropCount: 1 }],
    ['by age, as far as all are old', {}, { ...never, retentionMs: 650 }, { dropCount: 3 }],
    [
      'the active one when it is old too: rolled first',
      {},
      { ...never, retentionMs: 50 },
      { dropCount: 3, rollFirst: true },
    ],
    ['by size, never below the limit', {}, { ...never, retentionBytes: 250 }, { dropCount: 1 }],
    ['by size, exactly', {}, { ...never, retentionBytes: 200 }, { dropCount: 2 }],
    ['not what consumers cannot see yet', { highWatermark: 15 }, { ...never, retentionMs: 0 }, { dropCount: 1 }],
    ['what lies before the log start', { logStartOffset: 20 }, never, { dropCount: 2 }],
    [
      'compacted only: just that',
      { logStartOffset: 10 },
      { isDeleted: false, isCompacted: true, retentionMs: 0 },
      { dropCount: 1 },
    ],
    [
      'no timestamp anywhere, no age',
      { segments: [segment(0, -1), segment(10, -1)] },
      { ...never, retentionMs: 1 },
      { dropCount: 0 },
    ],
    [
      'no timestamp: as old as what was written next',
      { segments: [segment(0, -1), segment(10, 100), segment(20, 900)] },
      { ...never, retentionMs: 750 },
      { dropCount: 2 },
    ],
    [
      'a timestamp of the far future does not keep it, nor what stands behind it',
      { segments: [segment(0, 100), segment(10, 9e12), segment(20, 200), segment(30, 900)] },
      { ...never, retentionMs: 750 },
      { dropCount: 3 },
    ],
    [
      'a timestamp of the far future: no older than what was written next',
      { segments: [segment(0, 100), segment(10, 9e12), segment(20, 900), segment(30, 950)] },
      { ...never, retentionMs: 750 },
      { dropCount: 1 },
    ],
  ])('%s', (_, change, config, expected) => {
    expect(planRetention({ ...question, ...change }, testConfig(config))).toMatchObject(expected);
  });
});

async function machineWith(count: number, config = {}) {
  const m = new TestMachine({ config: { segmentBytes: 300, ...config }, retentionIntervalMs: 1000, tailCacheBytes: 0 });
  await m.start();
  for (let n = 0; n < count; n += 1) await m.append([{ value: `${n}`.padStart(100, '.'), timestampMs: startMs }]);
  return m;
}

describe('retention', () => {
  test('drops old segments, keeps their files for a while, and refuses what was in them with the real start', async () => {
    const m = await machineWith(20, { retentionBytes: 1000, fileDeleteDelayMs: 5000 });
    await m.clock.advance(1000);
    const start = m.log.logStartOffset;
    expect(start).toBeGreaterThan(0);
    expect(m.log.sizeBytes).toBeLessThan(1300);
    expect((await readAll(m.log)).map((record) => record.offset)).toEqual(
      Array.from({ length: 20 - start }, (_, n) => n + start),
    );
    await expect(m.log.read(0, { maxBytes: 100, minOneBatch: true })).rejects.toMatchObject({
      code: 'log/offset-out-of-range',
    });
    expect(m.files().some((file) => file.endsWith('.deleted'))).toBe(true);
    await m.clock.advance(5000);
    expect(m.files().some((file) => file.endsWith('.deleted'))).toBe(false);
    m.disk.crash({ kind: 'power' });
    await m.start();
    expect(m.log.logStartOffset).toBe(start);
    expect((await readAll(m.log)).length).toBe(20 - start);
  });

  test('by age takes everything, the active segment too; offsets go on', async () => {
    const m = await machineWith(5, { retentionMs: 60_000 });
    await m.clock.advance(59_000);
    expect((await readAll(m.log)).length).toBe(5);
    await m.clock.advance(3000);
    expect(m.log).toMatchObject({ logStartOffset: 5, logEndOffset: 5, sizeBytes: 0 });
    expect(await m.append(['x'])).toMatchObject({ baseOffset: 5, logStartOffset: 5 });
    await m.restart();
    expect(await readAll(m.log)).toMatchObject([{ offset: 5, value: 'x' }]);
  });

  test('waits until the broker has told the configuration of the topic', async () => {
    const hourly = 3_600_000;
    const m = new TestMachine({
      retentionIntervalMs: hourly,
      checkpointIntervalMs: 100 * hourly,
      compactionIntervalMs: 100 * hourly,
    });
    await m.start();
    const log = await m.logs.createPartition({
      topic: 'u',
      partition: 0,
      topicId: 'u',
      config: testConfig({ retentionMs: -1 }),
    });
    await log.append(batchOf(['kept']), { acks: -1, origin: 'client' });
    await m.logs.close();
    await m.start();
    await m.clock.advance(8 * 86_400_000);
    expect(m.logs.partition('u', 0)).toMatchObject({ logStartOffset: 0, logEndOffset: 1 });
    m.logs.updateConfig('u', testConfig({ retentionMs: 1000 }));
    await m.clock.advance(hourly);
    expect(m.logs.partition('u', 0)).toMatchObject({ logStartOffset: 1, logEndOffset: 1 });
  });

  test('a crash at any step of it leaves a log that starts, with nothing of the rest lost', async () => {
    for (let steps = 0; ; steps += 1) {
      const m = await machineWith(12, { retentionBytes: 700 });
      m.disk.dieAfter(steps);
      await m.clock.advance(1000);
      const isWhole = !m.disk.isDead;
      m.disk.crash({ kind: 'power', keptNames: (count) => steps % (count + 1) });
      await m.start();
      expect(m.log.failure).toBeUndefined();
      const start = m.log.logStartOffset;
      expect((await readAll(m.log)).map((record) => record.offset)).toEqual(
        Array.from({ length: 12 - start }, (_, n) => n + start),
      );
      if (isWhole) break;
    }
  });
});

describe('deleteBefore', () => {
  test('moves the start at once and for good; whole segments go', async () => {
    const m = await machineWith(10);
    await m.log.deleteBefore(5);
    expect(m.log.logStartOffset).toBe(5);
    expect((await readAll(m.log))[0]).toMatchObject({ offset: 5 });
    expect(m.disk.bytesOf(`${dataDir}/log-start-offset-checkpoint`).toString()).toBe('0\n1\nt 0 5\n');
    m.disk.crash({ kind: 'power' });
    await m.start();
    expect(m.log.logStartOffset).toBe(5);
    expect(await m.log.offsetForTimestamp(0)).toMatchObject({ offset: 5 });
    await expect(m.log.deleteBefore(11)).rejects.toMatchObject({ code: 'log/offset-out-of-range' });
    await m.log.deleteBefore(3);
    expect(m.log.logStartOffset).toBe(5);
    await m.log.deleteBefore(-1);
    expect(m.log).toMatchObject({ logStartOffset: 10, logEndOffset: 10 });
    expect(await readAll(m.log)).toEqual([]);
    await m.restart();
    expect(await m.append(['x'])).toMatchObject({ baseOffset: 10 });
  });
});

describe('a clock that jumps', () => {
  const dayMs = 86_400_000;
  const hourMs = 3_600_000;

  /** A record each hour, with the wall clock's time, kept for twelve hours; the clock jumps after the twelfth. */
  async function run(jumps: readonly { afterHours: number; ms: number }[], hours: number) {
    const m = new TestMachine({
      config: { segmentBytes: 250, retentionMs: 12 * hourMs, messageTimestampAfterMaxMs: Number.MAX_SAFE_INTEGER },
      retentionIntervalMs: 300_000,
      compactionIntervalMs: 10 * dayMs,
    });
    await m.start();
    const kept: number[] = [];
    for (let hour = 0; hour < hours; hour += 1) {
      const { errorCode } = await m.append([{ value: `${hour}`.padStart(100, '.'), timestampMs: m.clock.nowMs() }]);
      expect(errorCode).toBe(0);
      for (const jump of jumps) if (jump.afterHours === hour) m.clock.jumpWall(jump.ms);
      await m.clock.advance(hourMs);
      kept.push(m.log.highWatermark - m.log.logStartOffset);
    }
    return kept;
  }

  const least = (kept: readonly number[]) => Math.min(...kept.slice(12));

  test('without a jump about twelve records are there', async () => {
    const kept = await run([], 40);
    expect(least(kept)).toBeGreaterThanOrEqual(12);
    expect(Math.max(...kept)).toBeLessThanOrEqual(14);
  });

  test('a day forward deletes nothing early, also when it is taken back', async () => {
    expect(least(await run([{ afterHours: 12, ms: dayMs }], 60))).toBeGreaterThanOrEqual(12);
    const jumps = [
      { afterHours: 12, ms: dayMs },
      { afterHours: 15, ms: -dayMs },
    ];
    expect(least(await run(jumps, 60))).toBeGreaterThanOrEqual(12);
  });

  test('a day back deletes nothing early, and what is old goes in the end', async () => {
    const kept = await run([{ afterHours: 12, ms: -dayMs }], 100);
    expect(least(kept)).toBeGreaterThanOrEqual(12);
    expect(kept.at(-1)).toBeLessThanOrEqual(14);
  });

  test('a clock that was wrong for long and is put right is believed after a day', async () => {
    const kept = await run([{ afterHours: 1, ms: 5 * 365 * dayMs }], 80);
    expect(least(kept)).toBeGreaterThanOrEqual(12);
    expect(kept.at(-1)).toBeLessThanOrEqual(14);
  });
});
