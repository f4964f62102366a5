/** Reading: whole batches from any offset, below the high watermark, from memory or from files, and by time. */

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { TailCache } from '../../../core/log/tail-cache.ts';
import { batchBaseOffset, batchLastOffset } from '../../../core/protocol/batch-header.ts';
import { batchOf, nextOffsetOf, readAll, recordsOf, TestMachine } from './fixtures.ts';

const startMs = Date.UTC(2026, 0, 1);

describe.each([
  ['from files', 0],
  ['from memory', 1_000_000],
])('%s', (_, tailCacheBytes) => {
  async function machineWith(batchSizes: readonly number[]) {
    const m = new TestMachine({ config: { segmentBytes: 2000, indexIntervalBytes: 200 }, tailCacheBytes });
    await m.start();
    let value = 0;
    for (const size of batchSizes) await m.append(Array.from({ length: size }, () => `${value++}`.padStart(40, '.')));
    return m;
  }

  test('any offset and any limit give the batch that holds the offset and those behind it', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.integer({ min: 1, max: 8 }), { minLength: 1, maxLength: 25 }),
        fc.array(fc.tuple(fc.nat(), fc.integer({ min: 1, max: 3000 })), { maxLength: 12 }),
        async (sizes, reads) => {
          const m = await machineWith(sizes);
          const end = m.log.highWatermark;
          for (const [at, maxBytes] of reads) {
            const offset = at % end;
            const read = await m.log.read(offset, { maxBytes, minOneBatch: true });
            expect(batchBaseOffset(read, 0)).toBeLessThanOrEqual(offset);
            expect(batchLastOffset(read, 0)).toBeGreaterThanOrEqual(offset);
            expect(read.length <= maxBytes || nextOffsetOf(read) === batchLastOffset(read, 0) + 1).toBe(true);
            for (const record of recordsOf(read)) expect(Number(record.value!.replace(/^\.+/, ''))).toBe(record.offset);
            const strict = await m.log.read(offset, { maxBytes, minOneBatch: false });
            expect(strict.length).toBe(read.length <= maxBytes ? read.length : 0);
          }
          expect((await readAll(m.log, 500)).length).toBe(end);
        },
      ),
      { numRuns: 40 },
    );
  });

  test('nothing at the end, an error beyond it', async () => {
    const m = await machineWith([3]);
    expect((await m.log.read(3, { maxBytes: 100, minOneBatch: true })).length).toBe(0);
    await expect(m.log.read(4, { maxBytes: 100, minOneBatch: true })).rejects.toMatchObject({
      code: 'log/offset-out-of-range',
    });
  });

  test('nothing that is not durable yet', async () => {
    const m = await machineWith([1]);
    const release = m.disk.hold('sync');
    const append = m.log.append(batchOf(['later']), { acks: 1, origin: 'client' });
    await append;
    await m.clock.advance(100);
    expect((await readAll(m.log)).length).toBe(1);
    expect((await m.log.read(1, { maxBytes: 1000, minOneBatch: true })).length).toBe(0);
    release();
    await m.settle();
    expect((await readAll(m.log)).length).toBe(2);
  });

  test('by time: the first record that is at least as young, wherever it stands', async () => {
    const times = fc.array(fc.array(fc.integer({ min: 0, max: 50 }), { minLength: 1, maxLength: 4 }), {
      minLength: 1,
      maxLength: 20,
    });
    await fc.assert(
      fc.asyncProperty(times, fc.integer({ min: 0, max: 52 }), async (batches, wanted) => {
        const m = new TestMachine({ config: { segmentBytes: 500, indexIntervalBytes: 100 }, tailCacheBytes });
        await m.start();
        for (const batch of batches)
          await m.append(batch.map((t) => ({ value: 'x'.repeat(30), timestampMs: startMs - 100 + t })));
        const flat = batches.flat();
        for (const restart of [false, true]) {
          if (restart) await m.restart();
          const offset = flat.findIndex((t) => t >= wanted);
          const expected = offset === -1 ? undefined : { offset, timestampMs: startMs - 100 + flat[offset]! };
          expect(await m.log.offsetForTimestamp(startMs - 100 + wanted)).toEqual(expected);
          const max = Math.max(...flat);
          expect(await m.log.offsetOfMaxTimestamp()).toEqual({
            offset: flat.indexOf(max),
            timestampMs: startMs - 100 + max,
          });
        }
      }),
      { numRuns: 40 },
    );
  });
});

test('a consumer at the tail does not touch the disk', async () => {
  const m = new TestMachine();
  await m.start();
  await m.append(['a']);
  const reads = m.disk.counts.get('read') ?? 0;
  for (let n = 1; n < 50; n += 1) {
    await m.append([`${n}`]);
    expect((await m.log.read(n, { maxBytes: 1000, minOneBatch: true })).length).toBeGreaterThan(0);
  }
  expect(m.disk.counts.get('read') ?? 0).toBe(reads);
});

test('few open files and little index memory are enough for many segments', async () => {
  const m = new TestMachine({
    config: { segmentBytes: 300, indexIntervalBytes: 50 },
    tailCacheBytes: 0,
    maxOpenFiles: 2,
    indexCacheBytes: 100,
  });
  await m.start();
  for (let n = 0; n < 60; n += 1) await m.append([`${n}`.padStart(80, '.')]);
  const readers = Array.from({ length: 5 }, () => readAll(m.log, 200));
  for (const records of await Promise.all(readers)) expect(records.length).toBe(60);
});

test('the cache of recent batches stays within its bytes, whoever fills it', () => {
  const cache = new TailCache({ maxBytes: 8000 });
  const owners = [{}, {}, {}];
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.nat(2), fc.integer({ min: 1, max: 300 })), { maxLength: 100 }), (steps) => {
      const next = [0, 0, 0];
      for (const owner of owners) cache.drop(owner);
      expect(cache.sizeBytes).toBe(0);
      for (const [index, length] of steps) {
        const baseOffset = next[index]!;
        next[index] = baseOffset + 1;
        cache.add(owners[index]!, Buffer.alloc(length, baseOffset), { baseOffset, nextOffset: baseOffset + 1 });
        expect(cache.sizeBytes).toBeLessThanOrEqual(8000);
        for (const [which, owner] of owners.entries()) {
          const end = next[which]!;
          const read = { limitOffset: end, maxBytes: 1e6, minOneBatch: true };
          const found = cache.read(owner, { fromOffset: Math.max(end - 2, 0), ...read });
          if (found !== undefined) expect(found.at(-1)).toBe((end - 1) & 0xff);
        }
      }
    }),
  );
});

test('what was read from the cache stays as it is while its memory serves other batches', () => {
  const cache = new TailCache({ maxBytes: 64 * 1024 });
  const owner = {};
  const add = (offset: number) =>
    cache.add(owner, Buffer.alloc(1500, offset & 0xff), { baseOffset: offset, nextOffset: offset + 1 });
  const reads: { readonly offset: number; readonly bytes: Buffer }[] = [];
  for (let offset = 0; offset < 500; offset += 1) {
    add(offset);
    const wanted = { fromOffset: offset, limitOffset: offset + 1, maxBytes: 1e6, minOneBatch: true };
    reads.push({ offset, bytes: cache.read(owner, wanted)! });
  }
  for (const { offset, bytes } of reads) expect(bytes.equals(Buffer.alloc(1500, offset & 0xff))).toBe(true);
});
