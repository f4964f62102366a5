/** When reading rests: in a flow of small chunks, never for large ones or few. */

import { afterEach, describe, expect, test, vi } from 'vitest';
import { ReadPace } from '../../../../connectors/postgres-source/wire/read-pace.ts';

describe('the pace of reading', () => {
  afterEach(() => void vi.useRealTimers());

  const paceWith = (onRested: () => void) => {
    vi.useFakeTimers();
    return new ReadPace(onRested);
  };
  const take = (pace: ReadPace, count: number, bytes: number) => {
    for (let i = 0; i < count; i += 1) pace.took(bytes);
  };

  test('a flow of small chunks rests to the end of its millisecond, each time anew', () => {
    const rested = vi.fn();
    const pace = paceWith(rested);
    for (let times = 1; times <= 2; times += 1) {
      take(pace, 15, 100);
      expect(pace.isResting).toBe(false);
      take(pace, 1, 100);
      expect(pace.isResting).toBe(true);
      vi.advanceTimersByTime(1);
      expect(pace.isResting).toBe(false);
      expect(rested).toHaveBeenCalledTimes(times);
    }
  });

  test('the same count over more time, and large chunks, are read as they come', () => {
    const rested = vi.fn();
    const pace = paceWith(rested);
    for (let i = 0; i < 5; i += 1) {
      take(pace, 15, 100);
      vi.advanceTimersByTime(1);
    }
    take(pace, 100, 256 * 1024);
    expect(pace.isResting).toBe(false);
    expect(rested).not.toHaveBeenCalled();
  });

  test('what is closed never rests again', () => {
    const rested = vi.fn();
    const pace = paceWith(rested);
    take(pace, 16, 100);
    pace.close();
    expect(pace.isResting).toBe(false);
    vi.advanceTimersByTime(10);
    expect(rested).not.toHaveBeenCalled();
  });
});
