/** What a fetch brought is checked, cut to whole batches and freed of aborted transactions. */

import { describe, expect, test } from 'vitest';
import { inspectFetched } from '../../../core/client/fetched-batches.ts';
import { BatchBuilder } from '../../../core/protocol/batch-builder.ts';
import { batchLastOffset, sealCrc, setBaseOffset } from '../../../core/protocol/batch-header.ts';
import { RecordCursor } from '../../../core/protocol/record-cursor.ts';

const plain = { checkCrcs: true, aborted: [] };

interface BatchOptions {
  readonly count?: number;
  readonly producerId?: number;
  readonly isTransactional?: boolean;
}

function batchAt(
  baseOffset: number,
  text: string,
  { count = 1, producerId, isTransactional = false }: BatchOptions = {},
): Buffer {
  const builder = new BatchBuilder();
  for (let i = 0; i < count; i++) builder.append(Buffer.from(text), 0, text.length, 1000);
  const producer = { producerId: producerId ?? -1, producerEpoch: 0, baseSequence: 0 };
  const batch = builder.build({ isTransactional, ...(producerId === undefined ? {} : { producer }) });
  setBaseOffset(batch, 0, baseOffset);
  return batch;
}

/** The end of a transaction: one record whose key is version 0 and type 0 (abort) or 1 (commit). */
function markerAt(baseOffset: number, producerId: number, type: 0 | 1): Buffer {
  const builder = new BatchBuilder();
  builder.appendRecord({ key: Buffer.from([0, 0, 0, type]), value: Buffer.alloc(6), timestampMs: 5 });
  const batch = builder.build({ isTransactional: true, producer: { producerId, producerEpoch: 0, baseSequence: 0 } });
  batch[22]! |= 0x20;
  setBaseOffset(batch, 0, baseOffset);
  sealCrc(batch, 0);
  return batch;
}

function valuesOf(records: Buffer): string[] {
  const cursor = new RecordCursor();
  cursor.reset(records);
  const values: string[] = [];
  while (cursor.next()) values.push(cursor.bytes.toString('utf8', cursor.valueStart, cursor.valueEnd));
  return values;
}

describe('fetched batches', () => {
  test('end before the one that is cut off', () => {
    const [first, second] = [batchAt(10, 'a', { count: 3 }), batchAt(13, 'b')];
    const whole = Buffer.concat([first, second]);
    for (let cut = first.length; cut < whole.length; cut++) {
      expect(inspectFetched(whole.subarray(0, cut), plain)).toEqual({ records: first, nextOffset: 13 });
    }
    expect(inspectFetched(whole, plain)).toEqual({ records: whole, nextOffset: 14 });
  });

  test('tell how much is needed when not even the first is whole', () => {
    const batch = batchAt(0, 'long '.repeat(100));
    expect(inspectFetched(batch.subarray(0, 200), plain)).toEqual({ kind: 'cut-short', neededBytes: batch.length });
    expect(inspectFetched(batch.subarray(0, 20), plain)).toMatchObject({ kind: 'cut-short' });
  });

  test('are refused with a wrong checksum, unless checks are off', () => {
    const batch = batchAt(4, 'a');
    batch[batch.length - 2]! ^= 1;
    const good = batchAt(3, 'g');
    expect(inspectFetched(Buffer.concat([good, batch]), plain)).toMatchObject({ kind: 'corrupt', offset: 4 });
    expect(inspectFetched(batch, { ...plain, checkCrcs: false })).toMatchObject({ nextOffset: 5 });
  });

  test('are refused in an old format or with an impossible length', () => {
    const old = batchAt(0, 'a');
    old[16] = 1;
    expect(inspectFetched(old, plain)).toMatchObject({ kind: 'corrupt', message: expect.stringContaining('format 1') });
    const tiny = batchAt(0, 'a');
    tiny.writeInt32BE(5, 8);
    expect(inspectFetched(tiny, plain)).toMatchObject({ kind: 'corrupt' });
  });

  test('leave out aborted transactions and nothing else', () => {
    const txn = (producerId: number) => ({ producerId, isTransactional: true });
    const records = Buffer.concat([
      batchAt(0, 'plain'),
      batchAt(1, 'aborted', txn(7)),
      batchAt(2, 'committed', txn(8)),
      batchAt(3, 'aborted too', txn(7)),
      markerAt(4, 7, 0),
      batchAt(5, 'second try', txn(7)),
      markerAt(6, 8, 1),
      markerAt(7, 7, 1),
      batchAt(8, 'aborted again', txn(7)),
    ]);
    const aborted = [
      { producerId: 7, firstOffset: 8 },
      { producerId: 7, firstOffset: 1 },
    ];
    const result = inspectFetched(records, { checkCrcs: true, aborted });
    if ('kind' in result) throw new Error(result.kind);
    expect(valuesOf(result.records)).toEqual(['plain', 'committed', 'second try']);
    expect(result.nextOffset).toBe(9);
  });

  test('move on when everything in them was aborted', () => {
    const batch = batchAt(0, 'x', { producerId: 1, isTransactional: true, count: 4 });
    const result = inspectFetched(batch, { checkCrcs: true, aborted: [{ producerId: 1, firstOffset: 0 }] });
    expect(result).toEqual({ records: Buffer.alloc(0), nextOffset: batchLastOffset(batch, 0) + 1 });
  });
});
