/** Where leader epochs end: what a log that was killed answers, and the rules for epochs that wrote nothing. */

import { expect, test } from 'vitest';
import { endOfEpoch } from '../../../core/log/leader-epochs.ts';
import { TestMachine } from './fixtures.ts';

test('every crash begins an epoch, and the one before ends where the new one begins', async () => {
  const machine = new TestMachine();
  let log = await machine.start();
  await machine.append(['a', 'b']);
  expect(await log.endOfLeaderEpoch(0)).toEqual({ leaderEpoch: 0, endOffset: 2 });
  for (const _ of [1, 2]) {
    machine.disk.crash({ kind: 'process' });
    log = await machine.start();
  }
  expect(log.leaderEpoch).toBe(2);
  // Nothing was written since: the new epoch begins at the end.
  expect(await log.endOfLeaderEpoch(0)).toEqual({ leaderEpoch: 0, endOffset: 2 });
  await machine.append(['c']);
  expect(await log.endOfLeaderEpoch(0)).toEqual({ leaderEpoch: 0, endOffset: 2 });
  expect(await log.endOfLeaderEpoch(1)).toEqual({ leaderEpoch: 0, endOffset: 2 });
  expect(await log.endOfLeaderEpoch(2)).toEqual({ leaderEpoch: 2, endOffset: 3 });
  expect(await log.endOfLeaderEpoch(3)).toEqual({ leaderEpoch: -1, endOffset: -1 });
});

test.each([
  { asked: -1, leaderEpoch: -1, endOffset: -1 },
  // Older than everything there is: it ends where the first one begins.
  { asked: 1, leaderEpoch: 1, endOffset: 10 },
  { asked: 2, leaderEpoch: 2, endOffset: 20 },
  { asked: 3, leaderEpoch: 2, endOffset: 20 },
  // The batches of epoch 5 were cut.
  { asked: 4, leaderEpoch: 4, endOffset: 30 },
  { asked: 5, leaderEpoch: 4, endOffset: 30 },
  { asked: 6, leaderEpoch: 6, endOffset: 30 },
])('epoch $asked ends at $endOffset', ({ asked, ...expected }) => {
  const written = [
    { epoch: 2, startOffset: 10 },
    { epoch: 4, startOffset: 20 },
    { epoch: 5, startOffset: 30 },
  ];
  expect(endOfEpoch(asked, written, { current: 6, endOffset: 30 })).toEqual(expected);
});
