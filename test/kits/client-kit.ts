/** What core/client must do against any broker that speaks the Kafka protocol; run over the embedded one and over Apache Kafka. */

import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { systemClock } from '../../core/base/clock.ts';
import { silentLogger } from '../../core/base/logger.ts';
import {
  type Admin,
  type Cluster,
  type ClusterLimits,
  connectCluster,
  createFetcher,
  createProducer,
  type FetcherOptions,
  type GroupPartition,
  joinGroup,
  listOffsets,
  openAdmin,
  type ProduceBatch,
  readTopicToEnd,
  tailTopic,
  topicEnds,
} from '../../core/client/index.ts';
import { tcpTransport } from '../../core/client/tcp-transport.ts';
import { parseAddress, type Transport } from '../../core/client/transport.ts';
import { BatchBuilder, type BuilderRecord } from '../../core/protocol/batch-builder.ts';
import type { Codec } from '../../core/protocol/compression.ts';
import { RecordCursor } from '../../core/protocol/record-cursor.ts';
import { startTcpProxy } from '../core/client/tcp-proxy.ts';

export interface BrokerUnderTest {
  readonly bootstrapServers: readonly string[];
  /** How clients reach it when a test does not say; TCP unless told. */
  readonly transport?: Transport;
  /** Stops and starts it on the same port and data. */
  restart(): Promise<void>;
  close(): Promise<void>;
}

const codecs: readonly Codec[] = ['none', 'gzip', 'snappy', 'lz4', 'zstd'];

/** Near the present: brokers refuse times in the future, and retention counts from the times of the records. */
const someTimeMs = Math.floor(Date.now() / 1000) * 1000 - 100_000;

export interface ReadRecord {
  readonly offset: number;
  readonly timestampMs: number;
  readonly key: string | null;
  readonly value: string | null;
  readonly headers: readonly { readonly key: string; readonly value: Buffer | null }[];
}

export function batchOf(records: readonly Partial<BuilderRecord>[], compression: Codec = 'none'): Buffer {
  const builder = new BatchBuilder();
  for (const record of records) builder.appendRecord({ key: null, value: null, timestampMs: someTimeMs, ...record });
  return builder.build({ compression });
}

export function lines(count: number, prefix: string): { value: Buffer }[] {
  return Array.from({ length: count }, (_, i) => ({ value: Buffer.from(`${prefix}${i}`) }));
}

/** Reads a partition from an offset until its present end. */
export async function readPartition(
  cluster: Cluster,
  topic: string,
  partition = 0,
  options: FetcherOptions & { from?: number } = {},
): Promise<ReadRecord[]> {
  const [end] = await listOffsets(cluster, [{ topic, partition, timestampMs: -1 }]);
  const fetcher = createFetcher(cluster, options);
  const cursor = new RecordCursor({ topic, partition });
  const read: ReadRecord[] = [];
  let next = options.from ?? 0;
  fetcher.assign([{ topic, partition, offset: next }]);
  while (next < end!.offset) {
    for (const { records, fetchOffset, nextOffset } of await fetcher.next(AbortSignal.timeout(20_000))) {
      expect(fetchOffset).toBe(next);
      cursor.reset(records, fetchOffset);
      while (cursor.next()) read.push(recordAt(cursor));
      next = nextOffset;
    }
  }
  fetcher.close();
  return read;
}

function recordAt(cursor: RecordCursor): ReadRecord {
  const { offset, timestampMs, bytes, keyStart, keyEnd, valueStart, valueEnd } = cursor;
  return {
    offset,
    timestampMs,
    key: keyStart < 0 ? null : bytes.toString('utf8', keyStart, keyEnd),
    value: valueStart < 0 ? null : bytes.toString('utf8', valueStart, valueEnd),
    headers: cursor.headers(),
  };
}

/** Waits for a fact, looking often; fails loudly instead of waiting for ever. */
export async function until(fact: () => boolean | Promise<boolean>, what: string, timeoutMs = 20_000): Promise<void> {
  const deadlineMs = performance.now() + timeoutMs;
  while (!(await fact())) {
    if (performance.now() > deadlineMs) throw new Error(`did not happen within ${timeoutMs} ms: ${what}`);
    await sleep(10);
  }
}

export function clientKit(name: string, start: () => Promise<BrokerUnderTest>): void {
  describe(name, () => {
    let broker: BrokerUnderTest;
    let cluster: Cluster;
    let admin: Admin;
    let topicNumber = 0;

    const connect = (clientId: string, limits?: Partial<ClusterLimits>, transport?: Transport): Cluster =>
      connectCluster({
        bootstrapServers: broker.bootstrapServers,
        clientId,
        clock: systemClock,
        logger: silentLogger,
        limits,
        transport: transport ?? broker.transport,
      });

    const newTopic = async (partitions = 1, config: Record<string, string> = {}): Promise<string> => {
      const topic = `kit-${process.pid}-${topicNumber++}`;
      await admin.ensureTopics([{ topic, partitions, config }]);
      return topic;
    };

    beforeAll(async () => {
      broker = await start();
      cluster = connect('kit');
      admin = openAdmin(cluster);
    });

    afterAll(async () => {
      await admin?.close();
      cluster?.close();
      await broker?.close();
    });

    test.each(codecs)('stores and reads back every part of a record with compression %s', async (codec) => {
      const topic = await newTopic();
      const producer = createProducer(cluster);
      const records = [
        { key: Buffer.from('k'), value: Buffer.from('v'), timestampMs: someTimeMs + 5 },
        { key: null, value: Buffer.from(''), headers: [{ key: 'h', value: null }] },
        { key: Buffer.from(''), value: null, headers: [{ key: 'ü', value: Buffer.from([0, 255]) }] },
        { key: null, value: Buffer.from('long '.repeat(2000)) },
      ];
      const [stored] = await producer.send([{ topic, partition: 0, batch: batchOf(records, codec) }]);
      expect(stored).toEqual({ topic, partition: 0, baseOffset: 0 });
      expect(await readPartition(cluster, topic)).toEqual([
        { offset: 0, timestampMs: someTimeMs + 5, key: 'k', value: 'v', headers: [] },
        { offset: 1, timestampMs: someTimeMs, key: null, value: '', headers: [{ key: 'h', value: null }] },
        {
          offset: 2,
          timestampMs: someTimeMs,
          key: '',
          value: null,
          headers: [{ key: 'ü', value: Buffer.from([0, 255]) }],
        },
        { offset: 3, timestampMs: someTimeMs, key: null, value: 'long '.repeat(2000), headers: [] },
      ]);
      producer.close();
    });

    test('keeps the order of many sends in flight, across partitions', async () => {
      const topic = await newTopic(3);
      const producer = createProducer(cluster, { maxBufferedBytes: 20_000 });
      const sends = Array.from({ length: 120 }, (_, i) =>
        producer.send([
          { topic, partition: i % 3, batch: batchOf(lines(10, `${i}:`)) },
          { topic, partition: i % 3, batch: batchOf(lines(5, `${i}+`)) },
        ]),
      );
      const stored = await Promise.all(sends);
      expect(producer.bufferedBytes).toBe(0);
      for (const partition of [0, 1, 2]) {
        const expected = Array.from({ length: 120 }, (_, i) => i)
          .filter((i) => i % 3 === partition)
          .flatMap((i) => [...lines(10, `${i}:`), ...lines(5, `${i}+`)].map(({ value }) => value.toString()));
        expect((await readPartition(cluster, topic, partition)).map(({ value }) => value)).toEqual(expected);
      }
      expect(stored[117]!.map(({ baseOffset }) => baseOffset)).toEqual([39 * 15, 39 * 15 + 10]);
      producer.close();
    });

    test.each(['acks 1', 'not idempotent'])('produces with %s', async (kind) => {
      const topic = await newTopic();
      const producer = createProducer(cluster, kind === 'acks 1' ? { acks: 1 } : { idempotent: false });
      await Promise.all(
        [1, 2, 3].map((i) => producer.send([{ topic, partition: 0, batch: batchOf(lines(2, `${i}-`)) }])),
      );
      // With acks 1 a broker answers before consumers may see the records.
      await until(async () => (await topicEnds(cluster, topic))[0]!.offset === 6, 'everything is visible');
      const values = (await readPartition(cluster, topic)).map(({ value }) => value);
      expect(values).toEqual(['1-0', '1-1', '2-0', '2-1', '3-0', '3-1']);
      producer.close();
    });

    test('stores everything once and in order while connections break and answers are lost', async () => {
      const topic = await newTopic(2);
      const proxy = await startTcpProxy(parseAddress(broker.bootstrapServers[0]!)!);
      const shaky = connect('kit-shaky', { requestTimeoutMs: 2_000 }, proxy.through(tcpTransport(systemClock)));
      const producer = createProducer(shaky, { requestTimeoutMs: 500 });
      let isDone = false;
      const trouble = (async () => {
        for (let round = 0; !isDone; round++) {
          await sleep(20 + (round % 4) * 20);
          proxy.loseAnswers(round % 2 === 0);
          await sleep(3 + (round % 3) * 5);
          proxy.cut();
          proxy.loseAnswers(false);
        }
      })();
      let sent = 0;
      const stream = async (partition: number) => {
        const sends: Promise<unknown>[] = [];
        for (let i = 0; i < 150; i++) {
          sends.push(producer.send([{ topic, partition, batch: batchOf(lines(7, `${i}.`)) }]));
          sent++;
          if (i % 3 === 0) await sleep(4);
        }
        await Promise.all(sends);
      };
      await Promise.all([stream(0), stream(1)]);
      isDone = true;
      await trouble;
      expect(sent).toBe(300);
      expect(proxy.connectionCount).toBeGreaterThan(5);
      const expected = Array.from({ length: 150 }, (_, i) =>
        lines(7, `${i}.`).map(({ value }) => value.toString()),
      ).flat();
      for (const partition of [0, 1]) {
        expect((await readPartition(cluster, topic, partition)).map(({ value }) => value)).toEqual(expected);
      }
      producer.close();
      shaky.close();
      await proxy.close();
    });

    test('goes on by itself when the broker was restarted', async () => {
      const topic = await newTopic();
      const producer = createProducer(cluster);
      const fetcher = createFetcher(cluster);
      await producer.send([{ topic, partition: 0, batch: batchOf(lines(3, 'a')) }]);
      fetcher.assign([{ topic, partition: 0, offset: 0 }]);
      const [first] = await fetcher.next(AbortSignal.timeout(20_000));
      expect(first!.nextOffset).toBe(3);
      const reading = fetcher.next(AbortSignal.timeout(90_000));
      const restarting = broker.restart();
      const [stored] = await producer.send([{ topic, partition: 0, batch: batchOf(lines(2, 'b')) }]);
      await restarting;
      expect(stored!.baseOffset).toBe(3);
      expect((await reading)[0]!.nextOffset).toBe(5);
      expect((await readPartition(cluster, topic)).map(({ value }) => value)).toEqual(['a0', 'a1', 'a2', 'b0', 'b1']);
      producer.close();
      fetcher.close();
    });

    test('carries records that are larger than a fetch', async () => {
      const topic = await newTopic(1, { 'max.message.bytes': '8000000' });
      const producer = createProducer(cluster);
      const values = [100, 5_000_000, 10, 900_000].map((length, i) => String(i).repeat(length));
      for (const value of values)
        await producer.send([{ topic, partition: 0, batch: batchOf([{ value: Buffer.from(value) }]) }]);
      const read = await readPartition(cluster, topic, 0, { maxBytes: 10_000, partitionMaxBytes: 1_000 });
      expect(read.map(({ value }) => value)).toEqual(values);
      producer.close();
    });

    test('refuses what is too large, gives up what stands behind it, and goes on', async () => {
      const topic = await newTopic(2, { 'max.message.bytes': '10000' });
      const producer = createProducer(cluster);
      const large = batchOf([{ value: Buffer.alloc(20_000) }]);
      const [first, second, other] = await Promise.allSettled([
        producer.send([{ topic, partition: 0, batch: large }]),
        producer.send([{ topic, partition: 0, batch: batchOf(lines(1, 'behind')) }]),
        producer.send([{ topic, partition: 1, batch: batchOf(lines(1, 'other')) }]),
      ]);
      expect(first).toMatchObject({
        status: 'rejected',
        reason: { code: 'client/too-large', where: `${topic}-0`, retriable: false },
      });
      expect(second).toMatchObject({ status: 'rejected', reason: { code: 'client/not-sent', retriable: true } });
      expect(other.status).toBe('fulfilled');
      await producer.send([{ topic, partition: 0, batch: batchOf(lines(2, 'after')) }]);
      expect((await readPartition(cluster, topic)).map(({ value }) => value)).toEqual(['after0', 'after1']);
      expect(producer.bufferedBytes).toBe(0);
      producer.close();
    });

    test('says so when a batch cannot be delivered in time', async () => {
      const producer = createProducer(cluster, { deliveryTimeoutMs: 300 });
      const nowhere = producer.send([{ topic: 'kit-does-not-exist', partition: 0, batch: batchOf(lines(1, '')) }]);
      await expect(nowhere).rejects.toMatchObject({ code: 'client/delivery-timeout', where: 'kit-does-not-exist-0' });
      const topic = await newTopic();
      const beyond = producer.send([{ topic, partition: 7, batch: batchOf(lines(1, '')) }]);
      await expect(beyond).rejects.toMatchObject({ code: 'client/delivery-timeout' });
      producer.close();
    });

    test('lets a sender go when it aborts, and everybody when it is closed', async () => {
      const topic = await newTopic();
      const producer = createProducer(cluster);
      const reason = new Error('no longer wanted');
      const aborted = producer.send(
        [{ topic: 'kit-nowhere', partition: 0, batch: batchOf(lines(1, '')) }],
        AbortSignal.abort(reason),
      );
      await expect(aborted).rejects.toBe(reason);
      const controller = new AbortController();
      const waiting = producer.send(
        [{ topic: 'kit-nowhere', partition: 0, batch: batchOf(lines(1, '')) }],
        controller.signal,
      );
      controller.abort(reason);
      await expect(waiting).rejects.toBe(reason);
      const left = producer.send([{ topic: 'kit-nowhere', partition: 0, batch: batchOf(lines(1, '')) }]);
      const settled = expect(left).rejects.toMatchObject({ code: 'client/closed' });
      await producer.send([{ topic, partition: 0, batch: batchOf(lines(1, '')) }]);
      producer.close();
      await settled;
      expect(producer.bufferedBytes).toBe(0);
      await expect(producer.send([])).rejects.toMatchObject({ code: 'client/closed' });
    });

    test('serves many partitions with one call and reads them all', async () => {
      const partitionCount = 40;
      const topic = await newTopic(partitionCount);
      expect(await cluster.partitionCount(topic)).toBe(partitionCount);
      const producer = createProducer(cluster);
      const batches: ProduceBatch[] = Array.from({ length: partitionCount }, (_, partition) => ({
        topic,
        partition,
        batch: batchOf(lines(partition + 1, `${partition}/`), codecs[partition % 5]!),
      }));
      const stored = await producer.send(batches);
      expect(stored.map(({ partition }) => partition)).toEqual(batches.map(({ partition }) => partition));
      const fetcher = createFetcher(cluster, { maxBytes: 2_000, partitionMaxBytes: 1_000 });
      fetcher.assign(batches.map(({ partition }) => ({ topic, partition, offset: 0 })));
      const nextOffsets = new Map<number, number>();
      while (nextOffsets.size < partitionCount) {
        for (const { partition, nextOffset } of await fetcher.next(AbortSignal.timeout(20_000)))
          nextOffsets.set(partition, nextOffset);
      }
      expect([...nextOffsets].every(([partition, nextOffset]) => nextOffset === partition + 1)).toBe(true);
      producer.close();
      fetcher.close();
    });

    test('pauses, resumes, seeks and reassigns without losing what others have', async () => {
      const topic = await newTopic(2);
      const producer = createProducer(cluster);
      const both = [0, 1].map((partition) => ({ topic, partition, batch: batchOf(lines(10, `p${partition}-`)) }));
      await producer.send(both);
      const fetcher = createFetcher(cluster, { maxWaitMs: 50 });
      fetcher.assign([0, 1].map((partition) => ({ topic, partition, offset: 0 })));
      fetcher.pause([{ topic, partition: 1 }]);
      expect((await fetcher.next(AbortSignal.timeout(20_000))).map(({ partition }) => partition)).toEqual([0]);
      await expect(fetcher.next(AbortSignal.timeout(200))).rejects.toThrow();
      fetcher.resume([{ topic, partition: 1 }]);
      expect((await fetcher.next(AbortSignal.timeout(20_000))).map(({ partition }) => partition)).toEqual([1]);
      expect(fetcher.position({ topic, partition: 1 })).toBe(10);
      fetcher.seek({ topic, partition: 0, offset: 4 });
      const [again] = await fetcher.next(AbortSignal.timeout(20_000));
      expect(again).toMatchObject({ partition: 0, fetchOffset: 4, nextOffset: 10 });
      const cursor = new RecordCursor();
      cursor.reset(again!.records, again!.fetchOffset);
      expect(cursor.next() && cursor.offset).toBe(4);
      fetcher.assign([{ topic, partition: 1, offset: 10 }]);
      expect(fetcher.position({ topic, partition: 0 })).toBeUndefined();
      await producer.send([0, 1].map((partition) => ({ topic, partition, batch: batchOf(lines(1, 'new')) })));
      expect(await fetcher.next(AbortSignal.timeout(20_000))).toMatchObject([
        { partition: 1, fetchOffset: 10, nextOffset: 11 },
      ]);
      fetcher.close();
      await expect(fetcher.next()).rejects.toMatchObject({ code: 'client/closed' });
      producer.close();
    });

    test('treats an offset out of range as its policy says', async () => {
      const topic = await newTopic();
      const producer = createProducer(cluster);
      await producer.send([{ topic, partition: 0, batch: batchOf(lines(3, '')) }]);
      const strict = createFetcher(cluster);
      strict.assign([{ topic, partition: 0, offset: 99 }]);
      const failure = { code: 'client/offset-out-of-range', where: `${topic}-0` };
      await expect(strict.next(AbortSignal.timeout(20_000))).rejects.toMatchObject(failure);
      await expect(strict.next(AbortSignal.timeout(20_000))).rejects.toMatchObject(failure);
      strict.assign([{ topic, partition: 0, offset: 'earliest' }]);
      expect(await strict.next(AbortSignal.timeout(20_000))).toMatchObject([{ fetchOffset: 0, nextOffset: 3 }]);
      const lenient = createFetcher(cluster, { onOutOfRange: 'earliest' });
      lenient.assign([{ topic, partition: 0, offset: 99 }]);
      expect(await lenient.next(AbortSignal.timeout(20_000))).toMatchObject([{ fetchOffset: 0 }]);
      const latest = createFetcher(cluster, { onOutOfRange: 'latest', maxWaitMs: 50 });
      latest.assign([{ topic, partition: 0, offset: 99 }]);
      const waiting = latest.next(AbortSignal.timeout(20_000));
      await until(() => latest.position({ topic, partition: 0 }) === 3, 'the end was looked up');
      await producer.send([{ topic, partition: 0, batch: batchOf(lines(1, '')) }]);
      expect(await waiting).toMatchObject([{ fetchOffset: 3, nextOffset: 4 }]);
      for (const fetcher of [strict, lenient, latest]) fetcher.close();
      producer.close();
    });

    test('finds offsets by time and at both ends', async () => {
      const topic = await newTopic(2);
      const producer = createProducer(cluster);
      for (const seconds of [10, 20, 30]) {
        const timestampMs = someTimeMs + seconds * 1000;
        await producer.send([{ topic, partition: 0, batch: batchOf([{ value: Buffer.from('v'), timestampMs }]) }]);
      }
      const at = (timestampMs: number, partition = 0) => ({ topic, partition, timestampMs });
      const asked = [
        at(-2),
        at(-1),
        at(someTimeMs + 20_000),
        at(someTimeMs + 20_001),
        at(someTimeMs + 30_001),
        at(-1, 1),
      ];
      const found = await listOffsets(cluster, asked);
      expect(found.map(({ offset }) => offset)).toEqual([0, 3, 1, 2, -1, 0]);
      expect(found[2]!.timestampMs).toBe(someTimeMs + 20_000);
      producer.close();
    });

    test('says when a topic does not exist', async () => {
      const impatient = connect('kit-impatient', { giveUpAfterMs: 200 });
      const missing = { code: 'client/unknown-topic', where: expect.stringContaining('kit-missing') };
      await expect(impatient.partitionCount('kit-missing')).rejects.toMatchObject(missing);
      await expect(
        listOffsets(impatient, [{ topic: 'kit-missing', partition: 0, timestampMs: -1 }]),
      ).rejects.toMatchObject(missing);
      const fetcher = createFetcher(impatient);
      fetcher.assign([{ topic: 'kit-missing', partition: 0, offset: 0 }]);
      await expect(fetcher.next(AbortSignal.timeout(20_000))).rejects.toMatchObject(missing);
      impatient.close();
      await expect(impatient.partitionCount('kit-missing')).rejects.toMatchObject({ code: 'client/closed' });
    });

    test('administers topics and leaves existing ones alone', async () => {
      const topic = await newTopic(3, { 'cleanup.policy': 'compact', 'segment.bytes': '2000000' });
      expect(await admin.ensureTopics([{ topic, partitions: 9 }])).toEqual([
        { topic, wasCreated: false, partitions: 3 },
      ]);
      expect(await admin.describeConfigs(topic)).toMatchObject({
        'cleanup.policy': 'compact',
        'segment.bytes': '2000000',
      });
      expect(await admin.listTopics()).toContain(topic);
      await admin.deleteTopics([topic]);
      expect(await admin.listTopics()).not.toContain(topic);
    });

    test('shares partitions in a group, commits while giving them back, and is fenced afterwards', async () => {
      const topic = await newTopic(4);
      const groupId = `${topic}-group`;
      const other = connect('kit-other');
      const timing = { sessionTimeoutMs: 10_000, heartbeatIntervalMs: 200 };
      const log: string[] = [];
      const names = (partitions: readonly GroupPartition[]) =>
        partitions
          .map(({ partition }) => partition)
          .toSorted()
          .join('');
      const first = await joinGroup(cluster, {
        groupId,
        topics: [topic],
        ...timing,
        onAssigned: (partitions) => void log.push(`+${names(partitions)}`),
        onRevoked: async (partitions, lost) => {
          await sleep(200);
          await first.commit(partitions.map((partition) => ({ ...partition, offset: 42 })));
          log.push(`-${names(partitions)}${lost ? ' lost' : ''}`);
        },
      });
      await until(() => first.assigned.length === 4, 'the first member has all partitions');
      await first.commit([{ topic, partition: 1, offset: 5 }]);
      expect(
        await first.committed([
          { topic, partition: 1 },
          { topic, partition: 2 },
        ]),
      ).toEqual([{ topic, partition: 1, offset: 5 }]);
      const second = await joinGroup(other, {
        groupId,
        topics: [topic],
        ...timing,
        onAssigned: () => {},
        onRevoked: () => {},
      });
      await until(() => second.assigned.length === 2 && first.assigned.length === 2, 'the members share');
      expect(log.slice(0, 2)).toEqual(['+0123', '-0123']);
      expect((await admin.fetchGroupOffsets(groupId)).map(({ offset }) => offset)).toEqual([42, 42, 42, 42]);
      const [theirs] = second.assigned;
      await expect(first.commit([{ ...theirs!, offset: 1 }])).rejects.toMatchObject({ code: 'client/group-fenced' });
      await expect(admin.setGroupOffsets(groupId, [{ topic, partition: 0, offset: 0 }])).rejects.toMatchObject({
        code: 'client/group-fenced',
      });
      expect(await admin.describeGroups([groupId])).toMatchObject([{ state: 'Stable', members: [{}, {}] }]);
      await first.leave();
      expect(log).toHaveLength(4);
      await expect(first.commit([{ topic, partition: 0, offset: 1 }])).rejects.toMatchObject({
        code: 'client/group-fenced',
      });
      await until(() => second.assigned.length === 4, 'the second member takes over');
      await second.leave();
      await admin.setGroupOffsets(groupId, [{ topic, partition: 3, offset: 7 }]);
      expect(await admin.fetchGroupOffsets(groupId)).toContainEqual({ topic, partition: 3, offset: 7 });
      expect(await admin.listGroups()).toContain(groupId);
      other.close();
    });

    test('stays in its group when the broker was restarted', async () => {
      const topic = await newTopic(2);
      const assigned: number[] = [];
      const member = await joinGroup(cluster, {
        groupId: `${topic}-group`,
        topics: [topic],
        sessionTimeoutMs: 10_000,
        heartbeatIntervalMs: 200,
        onAssigned: (partitions) => void assigned.push(partitions.length),
        onRevoked: () => {},
      });
      await until(() => member.assigned.length === 2, 'the member has both partitions');
      await member.commit([{ topic, partition: 0, offset: 3 }]);
      await broker.restart();
      const commit = () => member.commit([{ topic, partition: 1, offset: 4 }]);
      await until(
        () =>
          commit().then(
            () => true,
            () => false,
          ),
        'commits work again',
        60_000,
      );
      expect((await member.committed(member.assigned)).map(({ offset }) => offset).toSorted()).toEqual([3, 4]);
      await member.leave();
    });

    test('reads a compacted topic to its end, then tails it', async () => {
      const topic = await newTopic(2, { 'cleanup.policy': 'compact' });
      const producer = createProducer(cluster);
      const put = (partition: number, key: string, value: string | null) =>
        producer.send([
          {
            topic,
            partition,
            batch: batchOf([{ key: Buffer.from(key), value: value === null ? null : Buffer.from(value) }]),
          },
        ]);
      await put(0, 'a', '1');
      await put(1, 'b', '2');
      await put(0, 'a', null);
      const seen: string[] = [];
      await readTopicToEnd(cluster, topic, ({ key, value, partition, offset }) => {
        seen.push(`${partition}@${offset} ${key}=${value}`);
      });
      expect(seen.toSorted()).toEqual(['0@0 a=1', '0@1 a=null', '1@0 b=2']);
      const live = new Map<string, string>();
      const positions = new Map<number, number>();
      const tail = tailTopic(cluster, topic, {
        onRecord: ({ key, value }) => {
          if (value === null) live.delete(String(key));
          else live.set(String(key), String(value));
        },
        onProgress: ({ partition, offset }) => positions.set(partition, offset),
      });
      await tail.caughtUp();
      expect([...live]).toEqual([['b', '2']]);
      await put(1, 'c', '3');
      await tail.caughtUp();
      expect(live.get('c')).toBe('3');
      const ends = await topicEnds(cluster, topic);
      expect(ends.map(({ partition, offset }) => [partition, offset])).toEqual([...positions].toSorted());
      await tail.close();
      await tail.ended;
      await expect(tail.caughtUp()).rejects.toMatchObject({ code: 'client/closed' });
      const broken = tailTopic(cluster, topic, {
        onRecord: () => {
          throw new Error('cannot read this');
        },
      });
      await expect(broken.ended).rejects.toThrow('cannot read this');
      producer.close();
    });
  });
}
