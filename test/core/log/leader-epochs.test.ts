/** Where leader epochs end: what a log that was killed answers, and the rules for epochs that wrote nothing. */

import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { LeaderEpochEntry } from '../../../core/log/checkpoints.ts';
import { endOfEpoch } from '../../../core/log/leader-epochs.ts';
import type { PartitionLog } from '../../../core/log/partition-log.ts';
import { batchBaseOffset, batchLeaderEpoch } from '../../../core/protocol/batch-header.ts';
import { walkBatches } from '../../../core/protocol/batch-validate.ts';
import { nextOffsetOf, TestMachine } from './fixtures.ts';

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

test('no append waits for the file of epochs, and no crash makes an epoch unknown', async () => {
  const step = fc.oneof(
    { weight: 4, arbitrary: fc.constant({ kind: 'append' as const }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('wait' as const), ms: fc.nat(8000) }) },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant('crash' as const), power: fc.boolean(), kept: fc.nat(3) }) },
    { weight: 1, arbitrary: fc.constant({ kind: 'restart' as const }) },
  );
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 30 }), fc.integer({ min: 200, max: 2000 }), async (steps, bytes) => {
      const machine = new TestMachine({ config: { segmentBytes: bytes, indexIntervalBytes: 100 } });
      await machine.start();
      for (const next of steps) {
        if (next.kind === 'append') await machine.append(['x'.repeat(50)]);
        else if (next.kind === 'wait') await machine.clock.advance(next.ms);
        else if (next.kind === 'restart') await machine.restart();
        else {
          const keptWrites = (count: number) => Math.min(next.kept, count);
          machine.disk.crash(next.power ? { kind: 'power', keptWrites } : { kind: 'process' });
          await machine.start();
        }
        const { log } = machine;
        const written = await epochsIn(log);
        const current = log.leaderEpoch;
        for (let asked = -1; asked <= current + 1; asked += 1) {
          const expected = endOfEpoch(asked, written, { current, endOffset: log.highWatermark });
          expect([asked, await log.endOfLeaderEpoch(asked)]).toEqual([asked, expected]);
        }
      }
    }),
    { numRuns: 60 },
  );
});

/** As the batches have them. */
async function epochsIn(log: PartitionLog) {
  const epochs: LeaderEpochEntry[] = [];
  for (let offset = log.logStartOffset; offset < log.highWatermark; ) {
    const batches = await log.read(offset, { maxBytes: 4096, minOneBatch: true });
    for (const at of walkBatches(batches)) {
      const epoch = batchLeaderEpoch(batches, at);
      if (epochs.at(-1)?.epoch !== epoch) epochs.push({ epoch, startOffset: batchBaseOffset(batches, at) });
    }
    offset = nextOffsetOf(batches);
  }
  return epochs;
}

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
