/** Partitions are shared out completely, once each, and evenly. */

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Assignor, range, roundRobin } from '../../../core/client/assignors.ts';

function shares(assignor: Assignor, members: Record<string, string[]>, counts: Record<string, number>) {
  const wishes = Object.entries(members).map(([memberId, topics]) => ({ memberId, topics }));
  return Object.fromEntries(
    [...assignor(wishes, (topic) => counts[topic] ?? 0)].map(([id, topics]) => [id, Object.fromEntries(topics)]),
  );
}

test('round robin deals over topics, so that small ones do not all meet at one member', () => {
  expect(shares(roundRobin, { b: ['x', 'y', 'z'], a: ['x', 'y', 'z'] }, { x: 1, y: 1, z: 3 })).toEqual({
    a: { x: [0], z: [0, 2] },
    b: { y: [0], z: [1] },
  });
});

test('range gives runs, the first members one more', () => {
  expect(shares(range, { a: ['x', 'y'], b: ['x', 'y'] }, { x: 3, y: 3 })).toEqual({
    a: { x: [0, 1], y: [0, 1] },
    b: { x: [2], y: [2] },
  });
});

test('members get only what they subscribed to, and may go empty-handed', () => {
  expect(shares(roundRobin, { a: ['x'], b: ['y'], c: ['x'] }, { x: 1, y: 2 })).toEqual({
    a: { x: [0] },
    b: { y: [0, 1] },
    c: {},
  });
  expect(shares(range, { a: ['x'], b: ['x'] }, { x: 1 })).toEqual({ a: { x: [0] }, b: {} });
  expect(shares(range, { a: ['gone'] }, {})).toEqual({ a: {} });
});

describe.each([
  ['round robin', roundRobin],
  ['range', range],
] as const)('%s', (_, assignor) => {
  test('property: every partition has exactly one owner, whatever the order of the members', () => {
    const topics = ['p', 'q', 'r'];
    const members = fc.dictionary(fc.string({ minLength: 1, maxLength: 4 }), fc.subarray(topics, { minLength: 1 }), {
      minKeys: 1,
      maxKeys: 6,
    });
    fc.assert(
      fc.property(members, fc.array(fc.nat(9), { minLength: 3, maxLength: 3 }), (wishes, counts) => {
        const partitionCount = (topic: string) => counts[topics.indexOf(topic)]!;
        const list = Object.entries(wishes).map(([memberId, wanted]) => ({ memberId, topics: wanted }));
        const result = assignor(list, partitionCount);
        expect(assignor(list.toReversed(), partitionCount)).toEqual(result);
        for (const topic of topics) {
          const takers = list.filter((member) => member.topics.includes(topic));
          const given = [...result.values()].flatMap((topicsOf) => topicsOf.get(topic) ?? []);
          const expected = takers.length === 0 ? 0 : partitionCount(topic);
          expect(given.toSorted((a, b) => a - b)).toEqual(
            Array.from({ length: expected }, (__, partition) => partition),
          );
        }
      }),
    );
  });
});
