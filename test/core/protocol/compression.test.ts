/** Each codec restores what it packed, reads what others pack, and never unpacks more than its cap. */

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { MillraceError } from '../../../core/base/errors.ts';
import { type Codec, codecIds, codecOf, compress, decompress } from '../../../core/protocol/compression.ts';

const codecs = ['gzip', 'snappy', 'lz4', 'zstd'] as const satisfies readonly Codec[];

/** Log lines: short repetitions far and near, some of them overlapping themselves. */
const compressible = fc
  .array(
    fc.oneof(
      fc.string({ maxLength: 20 }),
      fc.constantFrom('GET /index.html HTTP/1.1', 'error: connection reset by peer', 'abcabcabc'),
      fc.nat(5000).map((length) => 'a'.repeat(length)),
    ),
    { maxLength: 60 },
  )
  .map((parts) => Buffer.from(parts.join('\n')));

describe.each(codecs)('%s', (codec) => {
  test('gives back what it was given', () => {
    const inputs = fc.oneof(
      compressible,
      fc.uint8Array({ maxLength: 3000 }).map((bytes) => Buffer.from(bytes)),
    );
    fc.assert(
      fc.property(inputs, (input) => {
        const compressed = compress(codec, input);
        expect(decompress(codec, compressed, input.length).equals(input)).toBe(true);
      }),
      { numRuns: 60 },
    );
  });

  test('more than one block', () => {
    const input = Buffer.from(
      Array.from({ length: 30_000 }, (_, index) => `line ${index} of ${index * 7919}\n`).join(''),
    );
    const compressed = compress(codec, input);
    expect(compressed.length).toBeLessThan(input.length);
    expect(decompress(codec, compressed, 10_000_000).equals(input)).toBe(true);
  });

  test('a bomb is refused at the cap', () => {
    const bomb = compress(codec, Buffer.alloc(20_000_000));
    expect(bomb.length).toBeLessThan(1_000_000);
    expect(() => decompress(codec, bomb, 1_000_000)).toThrowError(/beyond 1000000 bytes/);
    expect(() => decompress(codec, compress(codec, Buffer.from('abcdef')), 5)).toThrowError(/beyond 5 bytes/);
  });

  test('damaged input is reported or decodes to something within the cap', () => {
    const base = compress(codec, Buffer.from('a line of a log, and another line of a log\n'.repeat(50)));
    const edits = fc.array(fc.tuple(fc.nat(base.length - 1), fc.nat(255)), { minLength: 1, maxLength: 5 });
    const damaged = fc.oneof(
      fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes)),
      fc.nat(base.length - 1).map((length) => base.subarray(0, length)),
      edits.map((changes) => {
        const copy = Buffer.from(base);
        for (const [at, byte] of changes) copy[at] = byte;
        return copy;
      }),
    );
    fc.assert(
      fc.property(damaged, (bytes) => {
        try {
          expect(decompress(codec, bytes, 100_000).length).toBeLessThanOrEqual(100_000);
        } catch (error) {
          expect(error).toBeInstanceOf(MillraceError);
          expect((error as MillraceError).code).toMatch(/^protocol\/(corrupt-batch|decompressed-too-large)$/);
        }
      }),
      { numRuns: 400 },
    );
  });
});

describe('formats of other clients', () => {
  const text = 'hello hello hello hello hello hello';

  test('snappy: xerial framing is written, bare blocks are read', () => {
    const framed = compress('snappy', Buffer.from(text));
    expect(framed.subarray(0, 16).toString('hex')).toBe('82534e41505059000000000100000001');
    expect(framed.readInt32BE(16)).toBe(framed.length - 20);
    const bare = framed.subarray(20);
    expect(bare[0]).toBe(text.length);
    expect(decompress('snappy', bare, 1000).toString()).toBe(text);
  });

  test('snappy: literals and matches of every form', () => {
    // Size 81: a literal with a one-byte length, then matches with one, two and four bytes of distance.
    const literal = Buffer.from('0123456789'.repeat(7));
    const block = Buffer.concat([
      Buffer.of(81, 60 << 2, literal.length - 1),
      literal,
      Buffer.of(1, 10), // 4 bytes from 10 back
      Buffer.of((3 << 2) | 2, 70, 0), // 4 bytes from 70 back
      Buffer.of((2 << 2) | 3, 2, 0, 0, 0), // 3 bytes from 2 back, overlapping
    ]);
    expect(decompress('snappy', block, 1000).toString()).toBe(`${'0123456789'.repeat(7)}01234567676`.slice(0, 81));
  });

  test('lz4: independent blocks without content checksum, as the Java client insists', () => {
    const frame = compress('lz4', Buffer.from(text.repeat(4000)));
    expect(frame.readUInt32LE(0)).toBe(0x184d2204);
    expect(frame[4]).toBe(0x60);
    expect(compress('lz4', Buffer.alloc(0)).toString('hex')).toBe('04224d186040820000' + '0000');
  });

  test('lz4: linked blocks, block checksums, content size and checksum are read', () => {
    // Flags 0x5c: linked blocks, block checksums, content size, content checksum; the checksums are left at zero.
    const header = Buffer.from('04224d18' + '5c40' + '1000000000000000' + '00', 'hex');
    const first = Buffer.concat([Buffer.of(0x80), Buffer.from('abcdefgh')]);
    // No literals, 4 + 2 bytes from 8 back, then the last two literals.
    const second = Buffer.concat([Buffer.of(0x02, 8, 0, 0x20), Buffer.from('YZ')]);
    const block = (content: Buffer) => {
      const length = Buffer.alloc(4);
      length.writeUInt32LE(content.length);
      return Buffer.concat([length, content, Buffer.alloc(4)]);
    };
    const frame = Buffer.concat([header, block(first), block(second), Buffer.alloc(4), Buffer.alloc(4)]);
    expect(decompress('lz4', frame, 1000).toString()).toBe('abcdefghabcdefYZ');
    const independent = Buffer.from(frame);
    independent[4] = 0x7c;
    expect(() => decompress('lz4', independent, 1000)).toThrowError(/reaches before its block/);
  });

  test('lz4: stored blocks, skippable frames and frames behind each other', () => {
    const stored = Buffer.concat([
      Buffer.from('04224d18' + '6040' + '82', 'hex'),
      Buffer.from('03000080', 'hex'),
      Buffer.from('xyz'),
      Buffer.alloc(4),
    ]);
    const skippable = Buffer.from('532a4d18' + '02000000' + 'ffff', 'hex');
    const both = Buffer.concat([stored, skippable, stored, compress('lz4', Buffer.from(text))]);
    expect(decompress('lz4', both, 1000).toString()).toBe(`xyzxyz${text}`);
  });

  test('attribute values', () => {
    for (const [codec, id] of Object.entries(codecIds)) expect(codecOf(id)).toBe(codec);
    expect([5, 6, 7].map(codecOf)).toEqual([undefined, undefined, undefined]);
  });
});
