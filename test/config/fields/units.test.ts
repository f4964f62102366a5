/** Durations, sizes and lists are read as people write them and printed so that they are read back. */

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { joinList, splitList } from '../../../config/fields/lists.ts';
import { formatBytes, formatDuration, parseBytes, parseDuration } from '../../../config/fields/units.ts';

describe('durations', () => {
  test.each([
    ['10m', 600_000],
    ['1h30m', 5_400_000],
    ['1h 30m', 5_400_000],
    ['500ms', 500],
    ['1.5s', 1500],
    ['7d', 604_800_000],
    ['2w', 1_209_600_000],
    ['250', 250],
    [' 5 s ', 5000],
    ['-1', -1],
    ['0', 0],
  ])('%s is %d ms', (text, ms) => {
    expect(parseDuration(text)).toBe(ms);
  });

  test.each([
    '',
    'm',
    '10',
    '10 minutes',
    '10x',
    '1m1h',
    '1m1m',
    '1.5',
    '1.0001ms',
    '-5s',
    '1e3',
    '9999999999999w',
    '10 m s',
  ])('%j is read as a plain number or not at all', (text) => {
    expect(parseDuration(text)).toBe(/^\d+$/.test(text) ? Number(text) : undefined);
  });

  test('what is printed is read back', () => {
    fc.assert(fc.property(fc.maxSafeNat(), (ms) => parseDuration(formatDuration(ms)) === ms));
  });

  test('are printed as people write them', () => {
    expect([0, 1, 1000, 90_000, 5_400_000, 604_800_000, -1].map(formatDuration)).toEqual([
      '0',
      '1ms',
      '1s',
      '1m30s',
      '1h30m',
      '1w',
      '-1',
    ]);
  });
});

describe('sizes', () => {
  test.each([
    ['128MiB', 134_217_728],
    ['1MB', 1_000_000],
    ['64 kib', 65_536],
    ['1.5GiB', 1_610_612_736],
    ['1000', 1000],
    ['12B', 12],
    ['-1', -1],
  ])('%s is %d bytes', (text, bytes) => {
    expect(parseBytes(text)).toBe(bytes);
  });

  test.each(['', 'MiB', '1.5', '64k', '0.3B', '-1MB', '1 M B', '99999999TiB', 'Infinity'])(
    '%j is not a size',
    (text) => {
      expect(parseBytes(text)).toBeUndefined();
    },
  );

  test('what is printed is read back', () => {
    fc.assert(fc.property(fc.maxSafeNat(), (bytes) => parseBytes(formatBytes(bytes)) === bytes));
  });
});

describe('lists', () => {
  test('are divided by commas, but not inside the braces of a glob or behind a backslash', () => {
    expect(splitList('a, b,,c ')).toEqual(['a', 'b', 'c']);
    expect(splitList('/x/*.{log,txt},/y', true)).toEqual(['/x/*.{log,txt}', '/y']);
    expect(splitList('a\\,b,c')).toEqual(['a,b', 'c']);
    expect(splitList('/x/\\*,/y', true)).toEqual(['/x/\\*', '/y']);
  });

  test('what is joined is divided the same way again', () => {
    const item = fc
      .string({ unit: fc.constantFrom('a', ',', '\\', ' ', '*', 'é', '/') })
      .map((text) => text.trim())
      .filter((text) => text !== '');
    fc.assert(
      fc.property(fc.array(item), fc.boolean(), (items, braces) => {
        expect(splitList(joinList(items), braces)).toEqual(items);
      }),
    );
  });
});
