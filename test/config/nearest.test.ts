/** A misspelt name finds the one that was meant, and nothing when none was. */

import { describe, expect, test } from 'vitest';
import { didYouMean, nearest } from '../../config/nearest.ts';

const keys = ['start.position', 's3.bucket.name', 's3.region', 'flush.size', 'flush.bytes', 'paths', 'exclude'];

describe('nearest', () => {
  test.each([
    ['start.positon', 'start.position'],
    ['psths', 'paths'],
    ['apths', 'paths'],
    ['Paths', 'paths'],
    ['flush_size', 'flush.size'],
    ['bucket', 's3.bucket.name'],
    ['bucket_name', 's3.bucket.name'],
    ['region', 's3.region'],
    ['start', 'start.position'],
    ['excl', 'exclude'],
  ])('%s means %s', (word, meant) => {
    expect(nearest(word, keys)).toBe(meant);
  });

  test.each(['', 'compression', 'zzz', 'x'.repeat(10_000)])('%.20s means nothing there is', (word) => {
    expect(nearest(word, keys)).toBeUndefined();
    expect(didYouMean(word, keys)).toBeUndefined();
  });
});
