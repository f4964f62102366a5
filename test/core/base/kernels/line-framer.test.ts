/** The line kernel gives byte for byte what the record path gives, whatever the text, the limits and where it is cut. */

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { BatchBuilder } from '../../../../core/protocol/batch-builder.ts';
import { validateBatch } from '../../../../core/protocol/batch-validate.ts';
import { lineByLine } from '../../../../workers/task-thread/line-by-line.ts';

const text = fc
  .array(
    fc.constantFrom('', 'a', 'fifteen bytes..', 'sixteen bytes...', 'x'.repeat(300), '\r', '\n', '\n', '\r\n', 'é'),
    {
      maxLength: 80,
    },
  )
  .map((parts) => Buffer.from(parts.join('')));

const unlimited = {
  maxLineBytes: 1_000_000,
  maxRecords: 1_000_000,
  maxBatchBytes: 10_000_000,
  budgetBytes: 10_000_000,
  recordCostBytes: 0,
};

/** The same through one record at a time. */
function plainly(bytes: Buffer, start: number, end: number, options: { maxLineBytes: number; maxRecords: number }) {
  const builder = new BatchBuilder();
  const append = (from: Buffer, at: number, to: number) =>
    builder.appendRecord({ key: null, value: Buffer.from(from.subarray(at, to)), timestampMs: 1_700_000_000_123 });
  return { builder, ...lineByLine(append)(bytes, start, end, { ...options, timestampMs: 0 }) };
}

describe('lines become records', () => {
  test('the same bytes as by the record path, for any text, place and limits', () => {
    fc.assert(
      fc.property(
        text,
        fc.nat(20),
        fc.nat(20),
        fc.integer({ min: 0, max: 400 }),
        fc.integer({ min: 1, max: 60 }),
        (...all) => {
          const [bytes, before, behind, maxLineBytes, maxRecords] = all;
          // Newlines around the range must not be seen.
          const padded = Buffer.concat([Buffer.alloc(before, '\n'), bytes, Buffer.alloc(behind, '\n')]);
          const end = before + bytes.length;
          const fast = new BatchBuilder({ initialBytes: 256 });
          const limits = { ...unlimited, maxLineBytes, maxRecords, timestampMs: 1_700_000_000_123 };
          const taken = fast.appendLines(padded, before, end, limits);
          const plain = plainly(padded, before, end, { maxLineBytes, maxRecords });
          expect(taken).toMatchObject({ consumedBytes: plain.consumedBytes, recordCount: plain.recordCount });
          if (taken.recordCount > 0) expect(fast.build().equals(plain.builder.build())).toBe(true);
        },
      ),
      { numRuns: 500 },
    );
  });

  test('a window of many times what the kernel takes at once', () => {
    const lines = Array.from({ length: 9_000 }, (_, i) => `${i} ${'y'.repeat(i % 400)}`);
    const bytes = Buffer.from(`${lines.join('\n')}\n`);
    const fast = new BatchBuilder();
    const taken = fast.appendLines(bytes, 0, bytes.length, { ...unlimited, timestampMs: 5 });
    expect(taken).toMatchObject({ consumedBytes: bytes.length, recordCount: lines.length, isFull: false });
    const batch = fast.build();
    expect(validateBatch(batch, 0, batch.length)).toBeUndefined();
  });

  test('a line longer than the kernel takes at once is left to the caller', () => {
    const bytes = Buffer.from(`first\n${'z'.repeat(40_000)}\nlast\n`);
    const taken = new BatchBuilder().appendLines(bytes, 0, bytes.length, { ...unlimited, timestampMs: 5 });
    expect(taken).toMatchObject({ consumedBytes: 6, recordCount: 1, isFull: false });
  });

  test('a full batch says so, a used-up budget does not, and neither is overdrawn by more than one line', () => {
    const bytes = Buffer.from('0123456789\n'.repeat(1000));
    const small = new BatchBuilder();
    const full = small.appendLines(bytes, 0, bytes.length, { ...unlimited, maxBatchBytes: 2_000, timestampMs: 5 });
    expect(full.isFull).toBe(true);
    expect(small.sizeBytes).toBeLessThanOrEqual(2_000);
    expect(small.sizeBytes).toBeGreaterThan(1_900);
    const limits = { ...unlimited, budgetBytes: 500, recordCostBytes: 40, timestampMs: 5 };
    const poor = new BatchBuilder().appendLines(bytes, 0, bytes.length, limits);
    expect(poor).toMatchObject({ isFull: false, recordCount: 10, payloadBytes: 100 });
  });

  test('times behind and before the first record of the batch', () => {
    const builder = new BatchBuilder();
    const bytes = Buffer.from('line\n');
    for (const timestampMs of [1_000_000, 5_000_000_000_000, 0])
      expect(builder.appendLines(bytes, 0, 5, { ...unlimited, timestampMs }).recordCount).toBe(1);
    const plain = new BatchBuilder();
    for (const timestampMs of [1_000_000, 5_000_000_000_000, 0])
      plain.appendRecord({ key: null, value: Buffer.from('line'), timestampMs });
    expect(builder.build().equals(plain.build())).toBe(true);
  });
});
