/** A ring gives back what was written, in order, wherever it wraps and however much is written and read at a time. */

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { allocateRing, ByteRing } from '../../../core/base/byte-ring.ts';

test('any pieces come out as one stream', () => {
  const step = fc.record({ writeBytes: fc.nat(40), readBytes: fc.nat(40) });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const memory = allocateRing(16);
      const [writer, reader] = [new ByteRing(memory), new ByteRing(memory)];
      const written: number[] = [];
      const read: number[] = [];
      let next = 0;
      for (const { writeBytes, readBytes } of steps) {
        const piece = Uint8Array.from({ length: writeBytes + 3 }, (_, i) => next + i);
        const count = writer.write(piece, 3);
        expect(count).toBe(Math.min(writeBytes, 16 - (written.length - read.length)));
        written.push(...piece.subarray(3, 3 + count));
        next = (next + count) % 200;
        const into = Buffer.alloc(readBytes);
        const filled = reader.read(into);
        expect(filled).toBe(Math.min(readBytes, written.length - read.length));
        read.push(...into.subarray(0, filled));
        expect(reader.usedBytes).toBe(written.length - read.length);
      }
      expect(read).toEqual(written.slice(0, read.length));
    }),
  );
});

test('the counters wrap after four gigabytes', () => {
  const memory = allocateRing(16);
  new Int32Array(memory).fill(-5, 0, 17);
  const ring = new ByteRing(memory);
  expect(ring.write(Buffer.from('0123456789'), 0)).toBe(10);
  const into = Buffer.alloc(16);
  expect(ring.read(into)).toBe(10);
  expect(into.toString('latin1', 0, 10)).toBe('0123456789');
  expect(ring.usedBytes).toBe(0);
});

test('only powers of two wrap where the counters do', () => {
  expect(() => allocateRing(24)).toThrow(/power of two/);
});
