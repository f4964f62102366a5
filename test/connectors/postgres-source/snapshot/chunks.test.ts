/** Every block of a table is read, once, whoever takes the parts and whenever it is interrupted. */

import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  type Chunk,
  decodeProgress,
  encodeProgress,
  TableChunks,
} from '../../../../connectors/postgres-source/snapshot/chunks.ts';
import {
  decodeFence,
  encodeFence,
  hasSeen,
  parseFence,
} from '../../../../connectors/postgres-source/snapshot/fence.ts';

test('whatever happens, the finished parts are all blocks, each once', () => {
  const steps = fc.array(fc.constantFrom('take', 'finish first', 'finish last', 'restart', 'grow'), {
    maxLength: 60,
  });
  fc.assert(
    fc.property(fc.nat(50), fc.integer({ min: 1, max: 8 }), steps, (blocks, chunkBlocks, list) => {
      let now = blocks;
      let chunks = new TableChunks({ filenode: 7, blocks }, chunkBlocks);
      let open: Chunk[] = [];
      const finished: Chunk[] = [];
      const finish = (chunk: Chunk | undefined) => {
        if (chunk === undefined) return;
        chunks.finish(chunk);
        finished.push(chunk);
      };
      for (const step of [...list, ...Array.from({ length: 60 }, () => ['take', 'finish first']).flat()]) {
        const chunk = step === 'take' ? chunks.take() : null;
        if (chunk !== null) open.push(chunk);
        if (step === 'finish first') finish(open.shift());
        if (step === 'finish last') finish(open.pop());
        if (step === 'grow') now += 5;
        if (step !== 'restart') continue;
        const progress = decodeProgress(JSON.parse(JSON.stringify(encodeProgress(chunks.progress))));
        chunks = new TableChunks({ filenode: 7, blocks: now }, 3, progress);
        open = [];
      }
      expect(chunks.isDone).toBe(true);
      expect(chunks.share).toBe(1);
      const read = finished.flatMap(({ fromBlock, toBlock }) => range(fromBlock, toBlock ?? 0));
      expect(read.sort((a, b) => a - b)).toEqual(range(0, blocks));
    }),
    { examples: [[2, 1, ['take', 'take', 'finish last', 'restart']]], numRuns: 500 },
  );
});

test('a table that was written anew is read anew', () => {
  const chunks = new TableChunks({ filenode: 7, blocks: 10 }, 5);
  chunks.finish(chunks.take() as Chunk);
  const again = new TableChunks({ filenode: 8, blocks: 4 }, 2, chunks.progress);
  expect(again.progress).toEqual({ filenode: 8, blocks: 4, chunkBlocks: 2, done: 0, more: [] });
});

test('a table in one part', () => {
  const chunks = new TableChunks({ filenode: 7, blocks: 0 }, 0);
  const chunk = chunks.take();
  expect(chunk).toEqual({ index: 0, fromBlock: 0, toBlock: null });
  expect(chunks.take()).toBeNull();
  expect(chunks.isDone).toBe(false);
  chunks.finish(chunk as Chunk);
  expect(chunks.isDone).toBe(true);
});

test.each([
  {},
  { filenode: 1, blocks: 1, chunk_blocks: 1, chunks_done: -1, more: '' },
  { filenode: 1, blocks: 1, chunk_blocks: 1, chunks_done: 0, more: 'x' },
])('no progress: %j', (offset) => {
  expect(decodeProgress(offset)).toBeUndefined();
});

test('a fence knows what was seen, also where the numbers of transactions begin anew', () => {
  const fence = parseFence('10:20:10,14', 5n);
  expect([9, 10, 11, 14, 19, 20, 21].map((id) => hasSeen(fence, id))).toEqual([
    true,
    false,
    true,
    false,
    true,
    false,
    false,
  ]);
  const late = parseFence('4294967290:4294967300:4294967295', 5n);
  expect([4294967289, 4294967290, 4294967295, 0, 3, 4, 100].map((id) => hasSeen(late, id))).toEqual([
    true,
    true,
    false,
    true,
    true,
    false,
    false,
  ]);
  expect(decodeFence(encodeFence(late))).toEqual(late);
  expect(decodeFence({})).toBeUndefined();
  expect(decodeFence({ fence: 'x', fence_lsn: '1' })).toBeUndefined();
});

function range(from: number, to: number): number[] {
  return Array.from({ length: to - from }, (_, i) => from + i);
}
