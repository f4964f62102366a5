/** Starting again: what is cut, what is refused, what is made anew, and what the directory as a whole refuses. */

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { logErrors } from '../../../core/log/error-codes.ts';
import { openProducerIds } from '../../../core/log/producer-ids.ts';
import { walkBatches } from '../../../core/protocol/batch-validate.ts';
import { kafkaErrors } from '../../../core/protocol/kafka-errors.ts';
import { batchOf, dataDir, readAll, recordsOf, TestMachine, testConfig } from './fixtures.ts';

const first = '00000000000000000000';
const producer = (baseSequence: number) => ({ producer: { producerId: 7, producerEpoch: 0, baseSequence } });

async function machineWith(values: readonly string[], config = {}) {
  const m = new TestMachine({ config });
  await m.start();
  for (const [index, value] of values.entries()) await m.append([value], producer(index));
  return m;
}

describe('a torn end', () => {
  test('at every byte of the last batch is cut; the producer may send that batch again', async () => {
    const sizes = [batchOf(['a'.repeat(20)]).length, batchOf(['b'.repeat(10), 'c']).length] as const;
    for (let kept = 0; kept < sizes[1]; kept += 1) {
      const m = await machineWith(['a'.repeat(20)]);
      await m.append(['b'.repeat(10), 'c'], producer(1));
      m.disk.crash({ kind: 'process' });
      m.disk.overwrite(m.path(`${first}.log`), m.disk.bytesOf(m.path(`${first}.log`)).subarray(0, sizes[0] + kept));
      await m.start();
      expect(m.log.logEndOffset).toBe(1);
      expect(m.disk.bytesOf(m.path(`${first}.log`)).length).toBe(sizes[0]);
      expect(await m.append(['b'.repeat(10), 'c'], producer(1))).toMatchObject({ errorCode: 0, baseOffset: 1 });
      expect((await readAll(m.log)).length).toBe(3);
    }
  });

  test.each([
    ['zeros, as preallocation leaves them', (bytes: Buffer) => Buffer.concat([bytes, Buffer.alloc(5000)])],
    ['a flipped bit in the last batch', (bytes: Buffer) => flipped(bytes, bytes.length - 3)],
    ['noise', (bytes: Buffer) => Buffer.concat([bytes, Buffer.from('2 much noise \x02 behind the end'.repeat(9))])],
  ])('%s', async (_, change) => {
    const m = await machineWith(['a', 'b']);
    const log = m.path(`${first}.log`);
    m.disk.crash({ kind: 'process' });
    const damaged = change(m.disk.bytesOf(log));
    m.disk.overwrite(log, damaged);
    await m.start();
    expect((await readAll(m.log)).map((record) => record.value)).toEqual(damaged.length > 200 ? ['a', 'b'] : ['a']);
    expect(m.log.failure).toBeUndefined();
  });

  test('a hole of zero pages, which a power loss leaves of unordered writes, is cut although a batch follows', async () => {
    const m = await machineWith(['a', 'b'.repeat(9000), 'c']);
    const log = m.path(`${first}.log`);
    m.disk.crash({ kind: 'process' });
    const bytes = m.disk.bytesOf(log);
    bytes.fill(0, 4096, 8192);
    m.disk.overwrite(log, bytes);
    await m.start();
    expect((await readAll(m.log)).map((record) => record.value)).toEqual(['a']);
  });
});

function flipped(bytes: Buffer, at: number): Buffer {
  const changed = Buffer.from(bytes);
  changed[at]! ^= 0x10;
  return changed;
}

describe('damage in the middle', () => {
  async function damagedMachine() {
    const m = await machineWith(['a'.repeat(50), 'b'.repeat(50), 'c'.repeat(50)]);
    const other = await m.logs.createPartition({ topic: 'u', partition: 3, topicId: 'other', config: testConfig() });
    await other.append(batchOf(['fine']), { acks: -1, origin: 'client' });
    m.disk.crash({ kind: 'process' });
    const log = m.path(`${first}.log`);
    m.disk.overwrite(log, flipped(m.disk.bytesOf(log), 200));
    return m;
  }

  test('refuses the partition, names file and position, changes nothing, and the others serve', async () => {
    const m = await damagedMachine();
    const before = m.disk.bytesOf(m.path(`${first}.log`));
    for (let start = 0; start < 2; start += 1) {
      await m.start();
      const { failure } = m.log;
      expect(logErrors.is(failure, 'damaged')).toBe(true);
      expect(failure?.where).toBe(`${m.path(`${first}.log`)}, position 118`);
      expect((await m.append(['d'])).errorCode).toBe(kafkaErrors.KAFKA_STORAGE_ERROR);
      expect(m.log.highWatermark).toBeGreaterThan(m.log.logStartOffset);
      await expect(m.log.read(0, { maxBytes: 100, minOneBatch: true })).rejects.toMatchObject({ code: 'log/damaged' });
      expect((await readAll(m.logs.partition('u', 3)!)).map((record) => record.value)).toEqual(['fine']);
      expect(m.logs.failed.aborted).toBe(false);
      expect(m.disk.bytesOf(m.path(`${first}.log`))).toEqual(before);
      await m.logs.close();
    }
  });

  test('before the recovery point even the last batch is damage', async () => {
    const m = await machineWith(['a', 'b']);
    await m.clock.advance(6000);
    m.disk.crash({ kind: 'process' });
    const log = m.path(`${first}.log`);
    m.disk.overwrite(log, m.disk.bytesOf(log).subarray(0, 100));
    await m.start();
    expect(m.log.failure).toMatchObject({ code: 'log/damaged' });
  });

  test('in an older segment that no checkpoint vouches for', async () => {
    const m = await machineWith(['a'.repeat(90), 'b'.repeat(90), 'c'.repeat(90)], { segmentBytes: 200 });
    m.disk.crash({ kind: 'process' });
    m.disk.overwrite(m.path(`${first}.log`), flipped(m.disk.bytesOf(m.path(`${first}.log`)), 100));
    await m.start();
    expect(m.log.failure).toMatchObject({ code: 'log/damaged' });
  });

  test('a deleted topic takes its damage and its checkpoints with it', async () => {
    const m = await damagedMachine();
    await m.start();
    await m.logs.deleteTopic('t');
    expect(m.logs.partition('t', 0)).toBeUndefined();
    const log = await m.logs.createPartition({ topic: 't', partition: 0, topicId: 'new', config: testConfig() });
    expect(log).toMatchObject({ logEndOffset: 0, highWatermark: 0, logStartOffset: 0 });
  });
});

test('a flipped bit anywhere is refused, or costs at most the last batch, never a record in the middle', async () => {
  await fc.assert(
    fc.asyncProperty(fc.nat(), fc.nat(7), fc.boolean(), async (place, bit, isCheckpointed) => {
      const values = Array.from({ length: 12 }, (_, n) => `${n}`.padStart(60, '.'));
      const m = await machineWith(values, { segmentBytes: 500 });
      if (isCheckpointed) await m.clock.advance(6000);
      m.disk.crash({ kind: 'process' });
      const logs = m.files().filter((name) => name.endsWith('.log'));
      const file = m.path(logs[place % logs.length]!);
      const bytes = m.disk.bytesOf(file);
      bytes[place % bytes.length]! ^= 1 << bit;
      m.disk.overwrite(file, bytes);
      await m.start();
      const seen = await readAll(m.log).catch((error) => {
        expect(error.code).toMatch(/^(log\/damaged|protocol\/corrupt-batch)$/);
        return undefined;
      });
      if (seen === undefined) return;
      expect(seen.length).toBeGreaterThanOrEqual(11);
      for (const [index, record] of seen.entries()) expect(record.value).toBe(values[index]);
    }),
    { numRuns: 200 },
  );
});

test('whatever bit is flipped in a segment that no start reads, no read passes over a record', async () => {
  const texts = Array.from({ length: 8 }, (_, n) => [`${n}.0`, `${n}.1`, `${n}.2`]);
  const values = texts.flat();
  const m = new TestMachine({ config: { segmentBytes: 300 } });
  await m.start();
  for (const [index, text] of texts.entries()) await m.append(text, producer(index * 3));
  // Recovery points behind all of it, so that a start reads none of the ended segments.
  await m.clock.advance(6000);
  const [name = ''] = m.files().filter((each) => each.endsWith('.log'));
  const whole = m.disk.bytesOf(m.path(name));
  // The first offset of a batch is not covered by its checksum, in Kafka's format, and neither is the leader's epoch.
  const uncovered = new Set<number>();
  for (const at of walkBatches(whole)) {
    for (let byte = 0; byte < 16; byte += 1) if (byte < 8 || byte >= 12) uncovered.add(at + byte);
  }
  for (let place = 0; place < whole.length; place += 1) {
    if (uncovered.has(place)) continue;
    for (let bit = 0; bit < 8; bit += 1) {
      const bytes = Buffer.from(whole);
      bytes[place]! ^= 1 << bit;
      m.disk.crash({ kind: 'process' });
      m.disk.overwrite(m.path(name), bytes);
      await m.start();
      for (const [offset, value] of values.entries()) {
        const found = await firstFrom(m, offset);
        expect(found === undefined || found === value, `${offset} is ${found}, byte ${place}, bit ${bit}`).toBe(true);
      }
    }
  }
}, 60_000);

/** What a reader that begins at the offset gets first; undefined when it is told of damage. */
async function firstFrom(m: TestMachine, offset: number): Promise<string | null | undefined> {
  try {
    const batches = await m.log.read(offset, { maxBytes: 200, minOneBatch: true });
    return recordsOf(batches, offset)[0]?.value;
  } catch (error) {
    expect((error as { code: string }).code).toMatch(/^(log\/damaged|protocol\/corrupt-batch)$/);
    return undefined;
  }
}

describe('what is derived is made anew', () => {
  const values = Array.from({ length: 40 }, (_, index) => `${index}`.padStart(30, '.'));

  test.each(['clean', 'crash'])('indexes that are gone, %s', async (stop) => {
    const m = await machineWith(values, { segmentBytes: 1000, indexIntervalBytes: 100 });
    if (stop === 'clean') await m.logs.close();
    m.disk.crash({ kind: 'process' });
    for (const file of m.files().filter((name) => /index$/.test(name))) await m.disk.remove(m.path(file));
    await m.start();
    expect((await readAll(m.log, 300)).map((record) => record.value)).toEqual(values);
    expect(await m.log.offsetForTimestamp(0)).toMatchObject({ offset: 0 });
  });

  test('indexes that make no sense', async () => {
    const m = await machineWith(values, { segmentBytes: 1000, indexIntervalBytes: 100 });
    await m.logs.close();
    for (const file of m.files().filter((name) => /index$/.test(name)))
      m.disk.overwrite(m.path(file), Buffer.alloc(37, 9));
    await m.start();
    expect((await readAll(m.log, 300)).map((record) => record.value)).toEqual(values);
  });

  test.each([
    ['gone', undefined],
    ['empty', ''],
    ['noise', 'noise'],
  ])('producer snapshots that are %s: repetitions are still known', async (_, content) => {
    for (const stop of ['clean', 'crash']) {
      const m = await machineWith(values, { segmentBytes: 1000 });
      if (stop === 'clean') await m.logs.close();
      m.disk.crash({ kind: 'process' });
      for (const file of m.files().filter((name) => name.endsWith('.snapshot'))) {
        if (content === undefined) await m.disk.remove(m.path(file));
        else m.disk.overwrite(m.path(file), Buffer.from(content));
      }
      await m.start();
      expect(await m.append([values[36]!], producer(36))).toMatchObject({ errorCode: 0, baseOffset: 36 });
      expect((await m.append(['x'], producer(99))).errorCode).toBe(kafkaErrors.OUT_OF_ORDER_SEQUENCE_NUMBER);
    }
  });

  test('a snapshot from beyond the end of the log is not believed', async () => {
    const m = await machineWith(['a', 'b', 'c']);
    await m.logs.close();
    await m.disk.remove(`${dataDir}/.kafka_cleanshutdown`);
    await m.disk.remove(`${dataDir}/recovery-point-offset-checkpoint`);
    const log = m.path(`${first}.log`);
    m.disk.overwrite(log, m.disk.bytesOf(log).subarray(0, 140));
    await m.start();
    expect(m.log.logEndOffset).toBe(2);
    expect(await m.append(['c'], producer(2))).toMatchObject({ errorCode: 0, baseOffset: 2 });
  });

  test.each(['recovery-point-offset-checkpoint', 'log-start-offset-checkpoint', 'cleaner-offset-checkpoint'])(
    '%s: missing, empty or cut off costs no record',
    async (name) => {
      for (const content of [undefined, '', '0\n7\nt 0', 'noise']) {
        const m = await machineWith(['a', 'b']);
        await m.clock.advance(6000);
        m.disk.crash({ kind: 'process' });
        if (content === undefined) await m.disk.remove(`${dataDir}/${name}`);
        else m.disk.overwrite(`${dataDir}/${name}`, Buffer.from(content));
        await m.start();
        expect((await readAll(m.log)).length).toBe(2);
      }
    },
  );
});

describe('the data directory', () => {
  test('has one owner', async () => {
    const m = await machineWith(['a']);
    const second = new TestMachine();
    Object.assign(second, { disk: m.disk });
    await expect(second.start()).rejects.toMatchObject({ code: 'disk/locked' });
  });

  test('of a newer version is refused, and not locked by that', async () => {
    const m = await machineWith(['a']);
    await m.logs.close();
    m.disk.overwrite(`${dataDir}/meta.properties`, Buffer.from('version=2\n'));
    for (let again = 0; again < 2; again += 1) await expect(m.start()).rejects.toMatchObject({ code: 'log/newer' });
  });

  test('keeps its cluster id; the leader epoch grows with every start after a crash', async () => {
    const m = await machineWith(['a']);
    const { clusterId } = m.logs;
    expect(m.log.leaderEpoch).toBe(0);
    await m.restart();
    expect([m.logs.clusterId, m.log.leaderEpoch]).toEqual([clusterId, 0]);
    m.disk.crash({ kind: 'process' });
    await m.start();
    expect([m.logs.clusterId, m.log.leaderEpoch]).toEqual([clusterId, 1]);
    await m.append(['b']);
    await m.clock.advance(5000);
    expect(m.disk.bytesOf(m.path('leader-epoch-checkpoint')).toString()).toBe('0\n2\n0 0\n1 1\n');
  });

  test('a topic that was deleted is gone after a crash, its name free for another one', async () => {
    const m = await machineWith(['a']);
    await m.logs.deleteTopic('t');
    m.disk.crash({ kind: 'power' });
    await m.start();
    expect(m.log.logEndOffset).toBe(0);
    expect(m.disk.files().some((file) => file.includes('-delete'))).toBe(false);
  });

  test('a partition made for another topic id never shows the old records', async () => {
    const m = await machineWith(['a']);
    const log = await m.logs.createPartition({ topic: 't', partition: 0, topicId: 'another', config: testConfig() });
    expect(log.logEndOffset).toBe(0);
    expect(m.log.failure).toMatchObject({ code: 'log/closed' });
  });

  test('a start that dies at any step leaves a directory that starts', async () => {
    for (let steps = 0; ; steps += 1) {
      const m = await machineWith(['a', 'b'.repeat(80), 'c'], { segmentBytes: 200 });
      m.disk.crash({ kind: 'power' });
      m.disk.dieAfter(steps);
      const isWhole = await m.start().then(
        () => true,
        () => false,
      );
      m.disk.crash({ kind: 'power' });
      await m.start();
      expect((await readAll(m.log)).length).toBe(3);
      if (isWhole) break;
    }
  });
});

test('producer ids are never given twice', async () => {
  const m = new TestMachine();
  await m.start();
  const seen = new Set<number>();
  for (let start = 0; start < 3; start += 1) {
    const ids = await openProducerIds({ disk: m.disk, dataDir });
    for (const id of await Promise.all(Array.from({ length: 1500 }, () => ids.nextProducerId()))) {
      expect(seen.has(id)).toBe(false);
      seen.add(id);
    }
    m.disk.crash({ kind: 'power' });
  }
  m.disk.overwrite(`${dataDir}/producer-id-block`, Buffer.from('x'));
  await expect(openProducerIds({ disk: m.disk, dataDir })).rejects.toMatchObject({ code: 'log/damaged' });
});
