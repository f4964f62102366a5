/** The small machines of the client: addresses, delays, versions, budgets, metadata, in-flight requests, outcomes. */

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { NegotiatedVersions } from '../../../core/client/api-versions.ts';
import { backoffMs, reconnectBackoff } from '../../../core/client/backoff.ts';
import { ByteBudget } from '../../../core/client/byte-budget.ts';
import { InFlightRequests } from '../../../core/client/in-flight.ts';
import { MetadataCache } from '../../../core/client/metadata-cache.ts';
import { attemptOf, isMisrouted, refusal } from '../../../core/client/produce-outcome.ts';
import { formatAddress, parseAddress } from '../../../core/client/transport.ts';
import { fetchApi } from '../../../core/protocol/apis/fetch.ts';
import { produceApi } from '../../../core/protocol/apis/produce.ts';
import { kafkaErrors } from '../../../core/protocol/kafka-errors.ts';

describe('addresses', () => {
  test.each([
    ['broker:9092', { host: 'broker', port: 9092 }],
    [' 10.0.0.1:1 ', { host: '10.0.0.1', port: 1 }],
    ['[::1]:9092', { host: '::1', port: 9092 }],
  ])('%s is one', (text, address) => {
    expect(parseAddress(text)).toEqual(address);
    expect(formatAddress(address)).toBe(text.trim());
  });

  test.each(['broker', 'broker:', 'broker:0', 'broker:65536', ':9092', 'kafka://b:1', 'a b:1', '::1:9092'])(
    '%s is none',
    (text) => {
      expect(parseAddress(text)).toBeUndefined();
    },
  );
});

test('delays double up to a limit, spread by a fifth', () => {
  const delays = [0, 1, 2, 3, 7, 60].map((failures) => backoffMs(reconnectBackoff, failures, 0.5));
  expect(delays).toEqual([0, 100, 200, 400, 5_000, 5_000]);
  expect(backoffMs(reconnectBackoff, 1, 0)).toBeCloseTo(80);
  expect(backoffMs(reconnectBackoff, 1, 0.999)).toBeLessThan(120);
});

describe('versions', () => {
  const ranges = [
    { apiKey: fetchApi.key, minVersion: 4, maxVersion: 18 },
    { apiKey: produceApi.key, minVersion: 0, maxVersion: 2 },
  ];
  const versions = new NegotiatedVersions(ranges, 'b:1');

  test('are the highest that both sides have, or as high as the caller allows', () => {
    expect(versions.versionFor(fetchApi)).toBe(fetchApi.maxVersion);
    expect(versions.versionFor(fetchApi, 7)).toBe(7);
  });

  test('that do not meet are an error that says so', () => {
    const unsupported = expect.objectContaining({ code: 'client/unsupported', where: 'b:1', retriable: false });
    expect(() => versions.versionFor(produceApi)).toThrow(unsupported);
    expect(() => new NegotiatedVersions([], 'b:1').versionFor(fetchApi)).toThrow(unsupported);
    expect(() => versions.versionFor(fetchApi, 3)).toThrow(unsupported);
  });
});

describe('byte budget', () => {
  const never = new AbortController().signal;

  test('admits in order, and anything when it is empty', async () => {
    const budget = new ByteBudget(100);
    const order: string[] = [];
    expect(budget.tryTake(500)).toBe(true);
    const waiting = [
      budget.take(60, never).then(() => order.push('a')),
      budget.take(60, never).then(() => order.push('b')),
      budget.take(1, never).then(() => order.push('c')),
    ];
    expect(budget.tryTake(1)).toBe(false);
    budget.give(500);
    await waiting[0];
    expect(order).toEqual(['a']);
    budget.give(60);
    await Promise.all(waiting);
    expect(order).toEqual(['a', 'b', 'c']);
    expect(budget.usedBytes).toBe(61);
  });

  test('lets those behind go on when one in front stops waiting', async () => {
    const budget = new ByteBudget(100);
    budget.tryTake(50);
    const controller = new AbortController();
    const reason = new Error('enough');
    const large = budget.take(90, controller.signal);
    const small = budget.take(40, never);
    controller.abort(reason);
    await expect(large).rejects.toBe(reason);
    await small;
    expect(budget.usedBytes).toBe(90);
    await expect(budget.take(1, controller.signal)).rejects.toBe(reason);
  });

  test('property: never over the limit with more than one holder, and everyone is served', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.integer({ min: 1, max: 150 }), { maxLength: 40 }), async (sizes) => {
        const budget = new ByteBudget(100);
        let holders = 0;
        await Promise.all(
          sizes.map(async (bytes) => {
            await budget.take(bytes, never);
            holders++;
            if (holders > 1) expect(budget.usedBytes).toBeLessThanOrEqual(100);
            await Promise.resolve();
            holders--;
            budget.give(bytes);
          }),
        );
        expect(budget.usedBytes).toBe(0);
      }),
    );
  });
});

describe('metadata cache', () => {
  const answer = (
    leaders: readonly (readonly [leaderId: number, leaderEpoch: number])[],
    topicId = 'id',
    errorCode = 0,
  ) => ({
    clusterId: 'c',
    brokers: [{ nodeId: 1, host: 'one', port: 1 }],
    topics: [
      {
        errorCode,
        name: 't',
        topicId,
        partitions: leaders.map(([leaderId, leaderEpoch], partitionIndex) => ({
          errorCode: 0,
          partitionIndex,
          leaderId,
          leaderEpoch,
        })),
      },
    ],
  });

  test('knows leaders until they are old, doubted or gone', () => {
    const cache = new MetadataCache();
    expect(cache.isDoubtful('t')).toBe(true);
    expect(cache.isOlderThan('t', 1000, 100)).toBe(false);
    cache.apply(
      answer([
        [1, 4],
        [-1, 4],
      ]),
      0,
    );
    expect(cache.leader('t', 0)).toEqual({ leaderId: 1, leaderEpoch: 4 });
    expect([cache.leader('t', 1), cache.leader('t', 2), cache.leader('u', 0)]).toEqual([
      undefined,
      undefined,
      undefined,
    ]);
    expect(cache.isOlderThan('t', 100, 100)).toBe(false);
    expect(cache.isOlderThan('t', 101, 100)).toBe(true);
    expect(cache.isDoubtful('t')).toBe(false);
    cache.markStale('t');
    expect(cache.isDoubtful('t')).toBe(true);
    cache.apply(
      answer([
        [1, 4],
        [1, 5],
      ]),
      1,
    );
    expect(cache.isDoubtful('t')).toBe(false);
    cache.apply(answer([], 'id', kafkaErrors.UNKNOWN_TOPIC_OR_PARTITION), 2);
    expect(cache.topic('t')).toBeUndefined();
    expect(cache.topicError('t')).toBe(kafkaErrors.UNKNOWN_TOPIC_OR_PARTITION);
    expect([...cache.brokers]).toEqual([[1, { host: 'one', port: 1 }]]);
    expect(cache.clusterId).toBe('c');
  });

  test('does not go back to an older leader, unless the topic is another one', () => {
    const cache = new MetadataCache();
    cache.apply(answer([[1, 7]]), 0);
    cache.apply(answer([[2, 6]]), 1);
    expect(cache.leader('t', 0)?.leaderId).toBe(1);
    cache.apply(answer([[2, 0]], 'other'), 2);
    expect(cache.leader('t', 0)?.leaderId).toBe(2);
  });
});

describe('requests in flight', () => {
  const request = (correlationId: number, deadlineMs: number) => ({ correlationId, apiName: 'Fetch', deadlineMs });

  test('are answered in order only', () => {
    const inFlight = new InFlightRequests();
    inFlight.add(request(1, 50));
    inFlight.add(request(2, 20));
    expect(inFlight.nextDeadlineMs()).toBe(20);
    expect(inFlight.overdue(19)).toBeUndefined();
    expect(inFlight.overdue(20)?.correlationId).toBe(2);
    expect(() => inFlight.answered(2, 'b:1')).toThrow(expect.objectContaining({ code: 'client/malformed' }));
    expect(inFlight.answered(1, 'b:1').correlationId).toBe(1);
    expect(inFlight.takeAll()).toHaveLength(1);
    expect(inFlight.nextDeadlineMs()).toBe(Number.POSITIVE_INFINITY);
    expect(() => inFlight.answered(3, 'b:1')).toThrow('nothing was asked');
  });
});

describe('outcome of a produced batch', () => {
  test.each([
    ['NONE', 'acked'],
    ['DUPLICATE_SEQUENCE_NUMBER', 'acked'],
    ['OUT_OF_ORDER_SEQUENCE_NUMBER', 'out-of-sequence'],
    ['UNKNOWN_PRODUCER_ID', 'out-of-sequence'],
    ['REQUEST_TIMED_OUT', 'unknown'],
    ['NOT_ENOUGH_REPLICAS_AFTER_APPEND', 'unknown'],
    ['KAFKA_STORAGE_ERROR', 'unknown'],
    ['NOT_ENOUGH_REPLICAS', 'rejected'],
    ['NOT_LEADER_OR_FOLLOWER', 'rejected'],
    ['UNKNOWN_TOPIC_OR_PARTITION', 'rejected'],
    ['MESSAGE_TOO_LARGE', 'failed'],
    ['TOPIC_AUTHORIZATION_FAILED', 'failed'],
    ['INVALID_RECORD', 'failed'],
    ['PRODUCER_FENCED', 'failed'],
    ['UNKNOWN_SERVER_ERROR', 'failed'],
  ] as const)('%s means %s', (name, attempt) => {
    expect(attemptOf(kafkaErrors[name])).toBe(attempt);
  });

  test('leads to an error that says what to do', () => {
    expect(refusal(kafkaErrors.MESSAGE_TOO_LARGE, 't-0', null)).toMatchObject({
      code: 'client/too-large',
      where: 't-0',
    });
    expect(refusal(kafkaErrors.PRODUCER_FENCED, 't-0', null).code).toBe('client/fenced');
    expect(refusal(kafkaErrors.INVALID_RECORD, 't-0', 'no key').message).toContain('no key');
    expect([kafkaErrors.NOT_LEADER_OR_FOLLOWER, kafkaErrors.MESSAGE_TOO_LARGE].map(isMisrouted)).toEqual([true, false]);
  });
});
