/** Keys and values of the offsets topic: they come back as they were, and damaged ones say so within bounded memory. */

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { MillraceError } from '../../../core/base/errors.ts';
import {
  decodeGroupValue,
  decodeKey,
  decodeOffsetValue,
  encodeGroupKey,
  encodeGroupValue,
  encodeOffsetKey,
  encodeOffsetValue,
} from '../../../core/coordinator/group-records.ts';
import type { GroupSnapshot } from '../../../core/coordinator/group-state.ts';

const text = fc.string({ unit: 'grapheme', maxLength: 20 });
const int32 = fc.integer({ min: -1, max: 2_147_483_647 });
const bytes = fc.uint8Array({ maxLength: 30 }).map((array) => Buffer.from(array));

const snapshots: fc.Arbitrary<GroupSnapshot> = fc.record({
  protocolType: text,
  generation: int32,
  protocolName: fc.option(text, { nil: null }),
  leaderId: fc.option(text, { nil: null }),
  phaseSinceMs: fc.nat(),
  members: fc.array(
    fc.record({
      ...{ id: text, instanceId: fc.option(text, { nil: null }), clientId: text, clientHost: text },
      ...{ rebalanceTimeoutMs: fc.nat(), sessionTimeoutMs: fc.nat(), subscription: bytes, assignment: bytes },
    }),
    { maxLength: 4 },
  ),
});

test('groups and offsets come back as they were', () => {
  fc.assert(
    fc.property(snapshots, text, text, fc.nat(), (snapshot, groupId, topic, number) => {
      expect(decodeGroupValue(encodeGroupValue(snapshot))).toEqual(snapshot);
      expect(decodeKey(encodeGroupKey(groupId))).toEqual({ kind: 'group', groupId });
      const place = { groupId, topic, partition: number };
      expect(decodeKey(encodeOffsetKey(place))).toEqual({ kind: 'offset', ...place });
      const offset = { offset: number, leaderEpoch: -1, metadata: topic, commitTimestampMs: number };
      expect(decodeOffsetValue(encodeOffsetValue(offset))).toEqual(offset);
    }),
  );
});

describe('damaged records', () => {
  const decoders = { decodeKey, decodeGroupValue, decodeOffsetValue };
  const wholes = snapshots.map(encodeGroupValue);

  test.each(Object.entries(decoders))('%s says malformed or gives what it read', (_, decode) => {
    const edits = fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 5 });
    fc.assert(
      fc.property(fc.oneof(bytes, wholes), edits, fc.nat(200), (whole, changes, cutAt) => {
        const damaged = Buffer.from(whole);
        for (const [at, byte] of changes) if (damaged.length > 0) damaged[at % damaged.length] = byte;
        try {
          decode(damaged.subarray(0, cutAt));
        } catch (error) {
          expect(error).toBeInstanceOf(MillraceError);
          expect((error as MillraceError).code).toBe('protocol/malformed');
        }
      }),
      { numRuns: 1_000 },
    );
  });

  test('a group that announces two thousand million members takes no memory for them', () => {
    const value = encodeGroupValue({
      ...{ protocolType: 'consumer', generation: 1, protocolName: null, leaderId: null, phaseSinceMs: 0, members: [] },
    });
    value.writeInt32BE(2_147_483_647, value.length - 4);
    expect(() => decodeGroupValue(value)).toThrowError(/end|bytes|short/i);
  });
});
