/** All ways to compute CRC-32C agree with each other and with known values. */

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { crc32c, slicedCrc32c } from '../../../core/protocol/crc32c.ts';

describe('CRC32C', () => {
  test('the check values of the polynomial', () => {
    // RFC 3720, section B.4, and the customary check string.
    expect(crc32c(Buffer.from('123456789'))).toBe(0xe3069283);
    expect(crc32c(Buffer.alloc(32))).toBe(0x8a9136aa);
    expect(crc32c(Buffer.alloc(32, 0xff))).toBe(0x62a8ab43);
    expect(crc32c(Buffer.from(Array.from({ length: 32 }, (_, index) => index)))).toBe(0x46dd794e);
    expect(crc32c(Buffer.alloc(0))).toBe(0);
  });

  test('long runs, short runs and plain JavaScript agree, also piece by piece', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 3000 }), fc.nat(3000), fc.nat(20), (bytes, cut, start) => {
        const buffer = Buffer.from(bytes);
        const from = Math.min(start, buffer.length);
        const whole = crc32c(buffer, from);
        expect(slicedCrc32c(buffer, from, buffer.length)).toBe(whole);
        const middle = Math.max(from, Math.min(cut, buffer.length));
        expect(crc32c(buffer, middle, buffer.length, crc32c(buffer, from, middle))).toBe(whole);
      }),
    );
  });
});
