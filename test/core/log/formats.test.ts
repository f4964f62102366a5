/** The bytes of Kafka's files: indexes, snapshots, checkpoints, names. */

import { describe, expect, test } from 'vitest';
import {
  readLeaderEpochs,
  readPartitionOffsets,
  writeLeaderEpochs,
  writePartitionOffsets,
} from '../../../core/log/checkpoints.ts';
import { offsetOfFileName, parsePartitionFolder, segmentFileName } from '../../../core/log/file-names.ts';
import { OffsetIndex } from '../../../core/log/offset-index.ts';
import { decodeSnapshot, encodeSnapshot } from '../../../core/log/producer-snapshot.ts';
import { ProducerTable } from '../../../core/log/producer-table.ts';
import { TimeIndex } from '../../../core/log/time-index.ts';
import { FakeDisk } from '../../fakes/fake-disk.ts';
import { TestMachine } from './fixtures.ts';

test('offset index: relative offset and position, four bytes each', () => {
  const index = new OffsetIndex(1000);
  index.append(1009, 4096);
  index.append(1020, 9000);
  expect(index.bytes().toString('hex')).toBe('00000009000010000000001400002328');
  expect([1000, 1008, 1009, 1019, 1020, 5000].map((offset) => index.lookup(offset))).toEqual([
    0, 0, 4096, 4096, 9000, 9000,
  ]);
  expect(index.isSane(9001)).toBe(true);
  expect(index.isSane(9000)).toBe(false);
  expect(new OffsetIndex(0, Buffer.alloc(7)).isSane(1e6)).toBe(false);
  expect(new OffsetIndex(0, Buffer.alloc(16)).isSane(1e6)).toBe(false);
});

test('time index: timestamp and relative offset, growing', () => {
  const index = new TimeIndex(1000);
  index.append(500, 1009);
  index.append(500, 1010);
  index.append(400, 1011);
  index.append(700, 1020);
  expect(index.bytes().toString('hex')).toBe('00000000000001f40000000900000000000002bc00000014');
  expect([499, 500, 699, 700].map((time) => index.lookup(time)?.offset)).toEqual([undefined, 1009, 1009, 1020]);
  expect(new TimeIndex(0, Buffer.alloc(24)).isSane()).toBe(false);
});

test('snapshot: one row per remembered batch, verified by its checksum', () => {
  const table = new ProducerTable({ maxProducers: 10 });
  for (let n = 0; n < 7; n += 1) {
    const stamp = { producerId: 5, producerEpoch: 1, baseSequence: 2 * n, lastOffsetDelta: 1, isTransactional: false };
    table.record(stamp, { baseOffset: 100 + 2 * n, timestampMs: 77, nowMs: 1 });
  }
  const bytes = encodeSnapshot({ producers: table, endOffset: 112 });
  expect(bytes.length).toBe(10 + 4 * 46);
  expect(bytes.subarray(0, 2).toString('hex')).toBe('0001');
  expect(bytes.subarray(10, 56).toString('hex')).toBe(
    '0000000000000005' +
      '0001' +
      '00000005' +
      '0000000000000069' +
      '00000001' +
      '000000000000004d' +
      'ffffffff' +
      'ffffffffffffffff',
  );
  const [entry] = decodeSnapshot(bytes, 9)!;
  expect(entry).toMatchObject({ producerId: 5, producerEpoch: 1, lastSeenMs: 9 });
  expect(entry!.batches.map((batch) => batch.firstSequence)).toEqual([4, 6, 8, 10]);
  for (let at = 0; at < bytes.length; at += 1) {
    const bad = Buffer.from(bytes);
    bad[at]! ^= 1;
    expect(decodeSnapshot(bad, 0)).toBeUndefined();
    expect(decodeSnapshot(bytes.subarray(0, at), 0)).toBeUndefined();
  }
});

describe('checkpoints', () => {
  test('round trip, with topics that have dashes', async () => {
    const disk = new FakeDisk();
    await disk.makeFolder('/d');
    const offsets = new Map([
      ['a-b-0', 5],
      ['c-12', 2 ** 52],
    ]);
    await writePartitionOffsets(disk, '/d/x', offsets);
    expect(disk.bytesOf('/d/x').toString()).toBe(`0\n2\na-b 0 5\nc 12 ${2 ** 52}\n`);
    expect(await readPartitionOffsets(disk, '/d/x')).toEqual(offsets);
    const epochs = [{ epoch: 3, startOffset: 17 }];
    await writeLeaderEpochs(disk, '/d/e', epochs);
    expect(await readLeaderEpochs(disk, '/d/e')).toEqual(epochs);
  });

  test.each(['', '0', '1\n0\n', '0\n2\na 0 1\n', '0\n1\na 0 1', '0\n1\na 0 x\n'])(
    '%j counts as empty',
    async (text) => {
      const disk = new FakeDisk();
      disk.overwrite('/d/x', Buffer.from(text));
      expect((await readPartitionOffsets(disk, '/d/x')).size).toBe(0);
    },
  );
});

test('names', () => {
  expect(segmentFileName(42, '.log')).toBe('00000000000000000042.log');
  expect(offsetOfFileName('00000000000000000042.log', '.log')).toBe(42);
  expect(offsetOfFileName('00000000000000000042.log.deleted', '.log')).toBeUndefined();
  expect(parsePartitionFolder('web-logs-3')).toEqual({ topic: 'web-logs', partition: 3 });
  expect(parsePartitionFolder('nothing')).toBeUndefined();
});

test('a crash at any step of a roll leaves one active segment and dense offsets', async () => {
  for (let steps = 0; ; steps += 1) {
    const m = new TestMachine({ config: { segmentBytes: 300 } });
    await m.start();
    for (let n = 0; n < 2; n += 1) await m.append(['x'.repeat(100)]);
    m.disk.dieAfter(steps);
    const result = await m.append(['y'.repeat(100)]);
    m.disk.crash({
      kind: 'power',
      keptNames: (count) => steps % (count + 1),
      keptWrites: (count) => steps % (count + 1),
    });
    await m.start();
    expect(m.log.failure).toBeUndefined();
    const end = m.log.logEndOffset;
    expect(end).toBeGreaterThanOrEqual(result.errorCode === 0 ? 3 : 2);
    expect(await m.append(['z'])).toMatchObject({ errorCode: 0, baseOffset: end });
    if (result.errorCode === 0) break;
  }
});
