/** What transactions of core/client must do against any broker that speaks the Kafka protocol. */

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
  fenceTransactionalId,
  joinGroup,
  openAdmin,
  openTransactionalProducer,
  type TransactionalProducerOptions,
  topicEnds,
} from '../../core/client/index.ts';
import { tcpTransport } from '../../core/client/tcp-transport.ts';
import { parseAddress, type Transport } from '../../core/client/transport.ts';
import { RecordCursor } from '../../core/protocol/record-cursor.ts';
import { startTcpProxy } from '../core/client/tcp-proxy.ts';
import { type BrokerUnderTest, batchOf, lines, until } from './client-kit.ts';

export function transactionKit(name: string, start: () => Promise<BrokerUnderTest>): void {
  describe(name, () => {
    let broker: BrokerUnderTest;
    let cluster: Cluster;
    let admin: Admin;
    let counter = 0;

    const connect = (clientId: string, limits?: Partial<ClusterLimits>, transport?: Transport): Cluster => {
      const { bootstrapServers } = broker;
      return connectCluster({
        bootstrapServers,
        clientId,
        clock: systemClock,
        logger: silentLogger,
        limits,
        transport,
      });
    };

    const newTopic = async (partitions = 1, config: Record<string, string> = {}): Promise<string> => {
      const topic = `txn-kit-${process.pid}-${counter++}`;
      await admin.ensureTopics([{ topic, partitions, config }]);
      return topic;
    };

    const open = (options: Partial<TransactionalProducerOptions> = {}, through = cluster) =>
      openTransactionalProducer(through, {
        transactionalId: `txn-kit-${process.pid}-${counter++}`,
        transactionTimeoutMs: 60_000,
        ...options,
      });

    const send = (topic: string, partition: number, ...values: string[]) => {
      return { topic, partition, batch: batchOf(values.map((value) => ({ value: Buffer.from(value) }))) };
    };

    /** Every value a reader of committed records sees below the partition's end, as it is now. */
    const committed = async (topic: string, partition = 0): Promise<string[]> => {
      const ends = await topicEnds(cluster, topic, { isolation: 'read_committed' });
      const end = ends.find((each) => each.partition === partition)!.offset;
      const fetcher = createFetcher(cluster, { isolation: 'read_committed', maxWaitMs: 50 });
      const cursor = new RecordCursor({ topic, partition });
      const values: string[] = [];
      fetcher.assign([{ topic, partition, offset: 0 }]);
      for (let next = 0; next < end; ) {
        for (const { records, fetchOffset, nextOffset } of await fetcher.next(AbortSignal.timeout(20_000))) {
          expect(fetchOffset).toBe(next);
          cursor.reset(records, fetchOffset);
          while (cursor.next()) values.push(cursor.bytes.toString('utf8', cursor.valueStart, cursor.valueEnd));
          next = nextOffset;
        }
      }
      fetcher.close();
      return values;
    };

    /** Markers of a finished transaction may reach a partition a moment after the answer. */
    const eventuallyCommitted = async (topic: string, partition: number, expected: readonly string[]) => {
      await until(async () => (await committed(topic, partition)).length >= expected.length, 'all is visible');
      expect(await committed(topic, partition)).toEqual(expected);
    };

    beforeAll(async () => {
      broker = await start();
      cluster = connect('txn-kit');
      admin = openAdmin(cluster);
    });

    afterAll(async () => {
      await admin?.close();
      cluster?.close();
      await broker?.close();
    });

    test('shows what a transaction wrote to several partitions only once it is committed', async () => {
      const topic = await newTopic(2);
      const producer = await open();
      expect(producer.isOpen).toBe(false);
      await producer.send([send(topic, 0, 'a', 'b'), send(topic, 1, 'c')]);
      await producer.send([send(topic, 1, 'd')]);
      expect(producer.isOpen).toBe(true);
      expect(await committed(topic, 0)).toEqual([]);
      const atOnce = await topicEnds(cluster, topic);
      expect(atOnce.map(({ offset }) => offset)).toEqual([2, 2]);
      const stable = await topicEnds(cluster, topic, { isolation: 'read_committed' });
      expect(stable.map(({ offset }) => offset)).toEqual([0, 0]);
      await producer.commit();
      expect(producer.isOpen).toBe(false);
      await eventuallyCommitted(topic, 0, ['a', 'b']);
      await eventuallyCommitted(topic, 1, ['c', 'd']);
      producer.close();
    });

    test('goes from one transaction to the next, and leaves out those that were aborted', async () => {
      const topic = await newTopic();
      const producer = await open();
      const expected: string[] = [];
      for (let i = 0; i < 30; i++) {
        await Promise.all([producer.send([send(topic, 0, `${i}a`)]), producer.send([send(topic, 0, `${i}b`)])]);
        if (i % 3 === 1) {
          await producer.abort();
        } else {
          await producer.commit();
          expected.push(`${i}a`, `${i}b`);
        }
      }
      await producer.commit();
      await producer.abort();
      await eventuallyCommitted(topic, 0, expected);
      producer.close();
    });

    test('a reader of committed records waits before an open transaction, and goes on behind an aborted one', async () => {
      const topic = await newTopic();
      const [first, second] = [await open(), await open()];
      const plain = createProducer(cluster);
      await first.send([send(topic, 0, 'first')]);
      await second.send([send(topic, 0, 'second')]);
      await second.commit();
      await plain.send([send(topic, 0, 'plain')]);
      const fetcher = createFetcher(cluster, { isolation: 'read_committed', maxWaitMs: 50 });
      fetcher.assign([{ topic, partition: 0, offset: 0 }]);
      await expect(fetcher.next(AbortSignal.timeout(300))).rejects.toThrow();
      await first.abort();
      await eventuallyCommitted(topic, 0, ['second', 'plain']);
      for (const each of [first, second, plain, fetcher]) each.close();
    });

    test('a producer that takes the id over ends what the one before left open, and shuts it out', async () => {
      const topic = await newTopic();
      const transactionalId = `txn-kit-${process.pid}-taken`;
      const old = await open({ transactionalId });
      await old.send([send(topic, 0, 'committed')]);
      await old.commit();
      await old.send([send(topic, 0, 'left open')]);
      const identity = await fenceTransactionalId(
        cluster,
        { transactionalId, transactionTimeoutMs: 60_000 },
        { timeoutMs: 30_000 },
      );
      // Whoever took over reads what is committed and finds all of it.
      expect(await committed(topic)).toEqual(['committed']);
      const successor = await open({ transactionalId, identity });
      const refused = { code: 'client/fenced', retriable: false };
      await expect(old.send([send(topic, 0, 'too late')])).rejects.toMatchObject(refused);
      await expect(old.commit()).rejects.toMatchObject(refused);
      await expect(old.abort()).rejects.toMatchObject(refused);
      await successor.send([send(topic, 0, 'of the successor')]);
      await successor.commit();
      await eventuallyCommitted(topic, 0, ['committed', 'of the successor']);
      old.close();
      successor.close();
    });

    test('a stale producer cannot commit what it had sent before', async () => {
      const topic = await newTopic();
      const transactionalId = `txn-kit-${process.pid}-stale`;
      const old = await open({ transactionalId });
      await old.send([send(topic, 0, 'stale')]);
      const successor = await open({ transactionalId });
      await expect(old.commit()).rejects.toMatchObject({ code: 'client/fenced' });
      await successor.send([send(topic, 0, 'new')]);
      await successor.commit();
      await eventuallyCommitted(topic, 0, ['new']);
      old.close();
      successor.close();
    });

    test('group offsets count with the transaction they were sent in', async () => {
      const topic = await newTopic(2);
      const groupId = `${topic}-group`;
      const producer = await open();
      const partitions = [0, 1].map((partition) => ({ topic, partition }));
      const offsets = partitions.map(({ partition }) => ({ topic, partition, offset: 5 + partition }));
      // Asked for by name they wait for the markers, which a broker may write behind its answer to the commit.
      const committed = () => admin.fetchGroupOffsets(groupId, { partitions });
      await producer.send([send(topic, 0, 'x')]);
      await producer.sendOffsets(groupId, offsets);
      await producer.commit();
      expect(await committed()).toEqual(offsets);
      await producer.sendOffsets(groupId, [{ topic, partition: 0, offset: 99 }]);
      await producer.abort();
      expect(await committed()).toEqual(offsets);
      await producer.sendOffsets(groupId, [{ topic, partition: 1, offset: 7 }]);
      await producer.commit();
      expect((await committed()).map(({ offset }) => offset)).toEqual([5, 7]);
      producer.close();
    });

    test('whoever asks for partitions by name is answered when no transaction can change them any more', async () => {
      const topic = await newTopic(1);
      const groupId = `${topic}-group`;
      const producer = await open();
      await producer.sendOffsets(groupId, [{ topic, partition: 0, offset: 5 }]);
      // Nothing was committed before, so a question without names would be answered at once, with nothing.
      let isAnswered = false;
      const answer = admin.fetchGroupOffsets(groupId, { partitions: [{ topic, partition: 0 }] }).finally(() => {
        isAnswered = true;
      });
      expect(await admin.fetchGroupOffsets(groupId)).toEqual([]);
      expect(isAnswered).toBe(false);
      await producer.commit();
      expect(await answer).toEqual([{ topic, partition: 0, offset: 5 }]);
      producer.close();
    });

    test('refuses group offsets of a member that the group does not have', async () => {
      const topic = await newTopic();
      const groupId = `${topic}-group`;
      const member = await joinGroup(cluster, {
        groupId,
        topics: [topic],
        heartbeatIntervalMs: 200,
        onAssigned: () => {},
        onRevoked: () => {},
      });
      await until(() => member.assigned.length === 1, 'the member has its partition');
      const producer = await open();
      const stale = { memberId: 'nobody', generationId: 1 };
      const sent = producer.sendOffsets(groupId, [{ topic, partition: 0, offset: 3 }], stale);
      await expect(sent).rejects.toMatchObject({ code: 'client/group-fenced' });
      await expect(producer.commit()).rejects.toThrow();
      await producer.abort();
      expect(await admin.fetchGroupOffsets(groupId)).toEqual([]);
      await member.leave();
      producer.close();
    });

    test('a transaction with a failed batch can only be aborted; the producer goes on with the next', async () => {
      const topic = await newTopic(2, { 'max.message.bytes': '10000' });
      const producer = await open();
      await producer.send([send(topic, 0, 'before')]);
      await producer.commit();
      await producer.send([send(topic, 1, 'with it')]);
      const large = { topic, partition: 0, batch: batchOf([{ value: Buffer.alloc(20_000) }]) };
      await expect(producer.send([large])).rejects.toMatchObject({ code: 'client/too-large' });
      await expect(producer.send([send(topic, 1, 'behind')])).rejects.toMatchObject({
        code: 'client/transaction-aborted',
      });
      await expect(producer.commit()).rejects.toMatchObject({ code: 'client/too-large' });
      await producer.abort();
      await producer.send([send(topic, 0, 'after'), send(topic, 1, 'after')]);
      await producer.commit();
      await eventuallyCommitted(topic, 0, ['before', 'after']);
      await eventuallyCommitted(topic, 1, ['after']);
      producer.close();
    });

    test('a transaction outlives a restart of the broker', async () => {
      const topic = await newTopic();
      const producer = await open();
      await producer.send([send(topic, 0, 'before')]);
      const restarting = broker.restart();
      await producer.send([send(topic, 0, 'after')]);
      await restarting;
      await producer.commit();
      await producer.send([send(topic, 0, 'aborted')]);
      await broker.restart();
      await producer.abort();
      await eventuallyCommitted(topic, 0, ['before', 'after']);
      producer.close();
    });

    test('commits each transaction once while connections break and answers are lost', async () => {
      const topic = await newTopic(3);
      const groupId = `${topic}-group`;
      const proxy = await startTcpProxy(parseAddress(broker.bootstrapServers[0]!)!);
      const shaky = connect('txn-kit-shaky', { requestTimeoutMs: 2_000 }, proxy.through(tcpTransport(systemClock)));
      const producer = await open({ producer: { requestTimeoutMs: 500 } }, shaky);
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
      const expected: string[][] = [[], [], []];
      let lastOffset = 0;
      for (let i = 0; i < 60; i++) {
        const values = lines(5, `${i}.`).map(({ value }) => value.toString());
        await producer.send([0, 1, 2].map((partition) => send(topic, partition, ...values)));
        if (i % 4 === 0) await producer.sendOffsets(groupId, [{ topic, partition: 0, offset: i }]);
        if (i % 5 === 4) {
          await producer.abort();
        } else {
          await producer.commit();
          for (const list of expected) list.push(...values);
          if (i % 4 === 0) lastOffset = i;
        }
      }
      isDone = true;
      await trouble;
      expect(proxy.connectionCount).toBeGreaterThan(5);
      for (const partition of [0, 1, 2]) await eventuallyCommitted(topic, partition, expected[partition]!);
      const partitions = [{ topic, partition: 0 }];
      const committed = await admin.fetchGroupOffsets(groupId, { partitions });
      expect(committed).toEqual([{ topic, partition: 0, offset: lastOffset }]);
      producer.close();
      shaky.close();
      await proxy.close();
    });

    test('ends with its reason when it is closed in the middle', async () => {
      const topic = await newTopic();
      const producer = await open();
      await producer.send([send(topic, 0, 'never seen')]);
      producer.close();
      await expect(producer.send([send(topic, 0, 'x')])).rejects.toMatchObject({ code: 'client/closed' });
      await expect(producer.commit()).rejects.toMatchObject({ code: 'client/closed' });
      expect(await committed(topic)).toEqual([]);
    });
  });
}
