/** How old a change is, whatever the clocks of the server and of ours say. */

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ServerClock } from '../../../../connectors/postgres-source/stream/server-clock.ts';

test('is ours until a message came', () => {
  expect(new ServerClock().at(7)).toBe(7);
});

test('is off by no more than the fastest message was under way, however far the clocks are apart', () => {
  const delays = fc.array(fc.nat(5_000), { minLength: 1, maxLength: 50 });
  fc.assert(
    fc.property(fc.integer({ min: -1e9, max: 1e9 }), delays, (skewMs, underWayMs) => {
      const clock = new ServerClock();
      let nowMs = 1_700_000_000_000;
      for (const delayMs of underWayMs) {
        nowMs += delayMs;
        clock.told(nowMs - delayMs + skewMs, nowMs);
      }
      expect(nowMs + skewMs - clock.at(nowMs)).toBe(Math.min(...underWayMs));
    }),
  );
});

test('follows a clock that is set anew, ours and the server’s', () => {
  const clock = new ServerClock();
  let nowMs = 1_700_000_000_000;
  clock.told(nowMs, nowMs);
  for (let minute = 0; minute <= 10; minute += 1) {
    nowMs += 60_000;
    clock.told(nowMs - 50_000, nowMs);
  }
  expect(clock.at(nowMs)).toBe(nowMs - 50_000);
  nowMs -= 3_600_000;
  clock.told(nowMs, nowMs);
  expect(clock.at(nowMs)).toBe(nowMs);
});
