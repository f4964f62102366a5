/** Many things, a few at a time: order, bound and failure. */

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { mapConcurrently } from '../../../core/base/concurrently.ts';

test('keeps order and bound, and ends when everything that was begun has ended', async () => {
  const input = fc.record({
    turns: fc.array(fc.nat(5), { maxLength: 30 }),
    limit: fc.integer({ min: 1, max: 6 }),
    failing: fc.option(fc.nat(30), { nil: -1 }),
  });
  await fc.assert(
    fc.asyncProperty(input, async ({ turns, limit, failing }) => {
      let running = 0;
      let most = 0;
      const result = mapConcurrently([...turns.entries()], limit, async ([index, count]) => {
        running += 1;
        most = Math.max(most, running);
        for (let turn = 0; turn < count; turn += 1) await undefined;
        running -= 1;
        if (index === failing) throw new Error('told to fail');
        return index;
      });
      if (failing >= 0 && failing < turns.length) await expect(result).rejects.toThrow('told to fail');
      else expect(await result).toEqual([...turns.keys()]);
      expect(running).toBe(0);
      expect(most).toBeLessThanOrEqual(limit);
    }),
  );
});
