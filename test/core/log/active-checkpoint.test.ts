/** The checkpoint of an active segment: a start after a crash reads only what lies behind it, and believes nothing that has changed since. */

import { expect, test } from 'vitest';
import { kafkaErrors } from '../../../core/protocol/kafka-errors.ts';
import { readAll, TestMachine } from './fixtures.ts';

const name = 'active-segment-checkpoint';
const stamp = (baseSequence: number) => ({ producer: { producerId: 5, producerEpoch: 0, baseSequence } });

async function filled(): Promise<TestMachine> {
  const m = new TestMachine({
    activeCheckpointBytes: 1000,
    checkpointIntervalMs: 1000,
    config: { indexIntervalBytes: 100 },
  });
  await m.start();
  for (let sequence = 0; sequence < 20; sequence += 1)
    await m.append([`${sequence}:${'x'.repeat(100)}`], stamp(sequence));
  await m.clock.advance(1000);
  expect(m.files()).toContain(name);
  return m;
}

const offsets = async (m: TestMachine) => (await readAll(m.log)).map((record) => record.offset);
const range = (count: number) => Array.from({ length: count }, (_, index) => index);

/** Bytes of the segment that a start reads. */
async function bytesReadAtStart(m: TestMachine): Promise<number> {
  let bytes = 0;
  const open = m.disk.open.bind(m.disk);
  m.disk.open = async (file, mode) => {
    const opened = await open(file, mode);
    if (!file.endsWith('.log')) return opened;
    const read = async (into: Uint8Array, position: number) => {
      const count = await opened.read(into, position);
      bytes += count;
      return count;
    };
    return { ...opened, read };
  };
  await m.start();
  m.disk.open = open;
  return bytes;
}

test('what it vouches for is not read again, and everything is found', async () => {
  const m = await filled();
  m.disk.crash({ kind: 'process' });
  const withIt = await bytesReadAtStart(m);
  expect(await offsets(m)).toEqual(range(20));
  m.disk.crash({ kind: 'process' });
  m.disk.overwrite(m.path(name), Buffer.from('torn'));
  const withoutIt = await bytesReadAtStart(m);
  expect(withIt).toBeLessThan(withoutIt / 3);
  expect(await offsets(m)).toEqual(range(20));
});

test('producers are known from it: a repetition is not stored again', async () => {
  const m = await filled();
  m.disk.crash({ kind: 'process' });
  await m.start();
  expect(await m.append([`17:${'x'.repeat(100)}`], stamp(17))).toMatchObject({
    errorCode: kafkaErrors.NONE,
    baseOffset: 17,
  });
  expect((await m.append(['next'], stamp(20))).baseOffset).toBe(20);
});

test('times are found by it as without it', async () => {
  const m = new TestMachine({
    activeCheckpointBytes: 1000,
    checkpointIntervalMs: 1000,
    config: { indexIntervalBytes: 100 },
  });
  await m.start();
  const base = m.clock.nowMs();
  for (let second = 0; second < 20; second += 1) {
    await m.append([{ value: 'x'.repeat(100), timestampMs: base - 60_000 + ((second * 7) % 20) * 1000 }]);
  }
  await m.clock.advance(1000);
  const before = await Promise.all(range(21).map((s) => m.log.offsetForTimestamp(base - 60_000 + s * 1000)));
  m.disk.crash({ kind: 'process' });
  await m.start();
  expect(await Promise.all(range(21).map((s) => m.log.offsetForTimestamp(base - 60_000 + s * 1000)))).toEqual(before);
});

test.each(range(40).map((index) => index * 31))(
  'a byte that changed in it (%i) costs reading, no record',
  async (at) => {
    const m = await filled();
    m.disk.crash({ kind: 'process' });
    const bytes = m.disk.bytesOf(m.path(name));
    bytes[at % bytes.length]! ^= 0x10;
    m.disk.overwrite(m.path(name), bytes);
    await m.start();
    expect(await offsets(m)).toEqual(range(20));
    expect((await m.append(['again'], stamp(19))).baseOffset).toBe(19);
  },
);

test('one that is ahead of what a power loss left goes, and does not speak for the batches that come instead', async () => {
  const m = new TestMachine({
    activeCheckpointBytes: 500,
    checkpointIntervalMs: 1000,
    durability: 'os',
    config: { indexIntervalBytes: 100 },
  });
  await m.start();
  for (let sequence = 0; sequence < 10; sequence += 1) await m.append([`old ${'x'.repeat(100)}`], stamp(sequence));
  await m.clock.advance(1000);
  const checkpoint = m.disk.bytesOf(m.path(name));
  m.disk.crash({ kind: 'power', keptNames: () => 100 });
  // The power loss took the records and, as it happens, not the checkpoint.
  m.disk.overwrite(m.path(name), checkpoint);
  await m.start();
  expect(await offsets(m)).toEqual([]);
  expect(m.files()).not.toContain(name);
  m.disk.crash({ kind: 'power' });
  expect(m.files()).not.toContain(name);
  await m.start();
  expect((await m.append(['new'], stamp(0))).baseOffset).toBe(0);
});
