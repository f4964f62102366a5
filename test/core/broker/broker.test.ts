/** The life of a broker: starts that fail, disks that fail, a clean end. */

import { readFile } from 'node:fs/promises';
import { describe, expect, test } from 'vitest';
import { systemClock } from '../../../core/base/clock.ts';
import { diskErrors } from '../../../core/base/error-codes.ts';
import type { MillraceError } from '../../../core/base/errors.ts';
import { startBroker } from '../../../core/broker/broker.ts';
import { renderApiTable } from '../../../core/index.ts';
import { apiVersionsApi } from '../../../core/protocol/apis/api-versions.ts';
import { fetchApi } from '../../../core/protocol/apis/fetch.ts';
import { metadataApi } from '../../../core/protocol/apis/metadata.ts';
import { produceApi } from '../../../core/protocol/apis/produce.ts';
import { BatchBuilder } from '../../../core/protocol/batch-builder.ts';
import { kafkaErrors } from '../../../core/protocol/kafka-errors.ts';
import { FakeDisk } from '../../fakes/fake-disk.ts';
import { RawClient } from './raw-client.ts';
import { optionsFor, runBroker } from './running-broker.ts';

async function produce(client: RawClient, text = 'x'): Promise<number | undefined> {
  const builder = new BatchBuilder();
  builder.appendRecord({ key: null, value: Buffer.from(text), timestampMs: Date.now() });
  const partitionData = [{ index: 0, records: builder.build() }];
  const answer = await client.ask(produceApi, 9, {
    acks: -1,
    timeoutMs: 1_000,
    topicData: [{ name: 't', partitionData }],
  });
  return answer.responses[0]?.partitionResponses[0]?.errorCode;
}

function flipped(bytes: Buffer): Buffer {
  const changed = Buffer.from(bytes);
  changed[70]! ^= 1;
  return changed;
}

/** A broker on a disk in memory with the topic `t`. */
async function onFakeDisk() {
  const disk = new FakeDisk();
  const failures: MillraceError[] = [];
  const lines: string[] = [];
  const onFailed = (error: MillraceError) => void failures.push(error);
  const broker = await startBroker(optionsFor('/data', lines, { disk, onFailed, clock: systemClock }));
  const client = await RawClient.connect(broker.port);
  await client.ask(metadataApi, 4, { topics: [{ name: 't' }], allowAutoTopicCreation: true });
  return { disk, broker, client, failures, lines };
}

describe('a failing disk', () => {
  test('a failed sync is answered KAFKA_STORAGE_ERROR, nobody new is let in, and the owner is told once', async () => {
    const { disk, broker, client, failures } = await onFakeDisk();
    expect(await produce(client)).toBe(0);
    disk.fail('sync', diskErrors.error('failed', { message: 'EIO' }));
    expect(await produce(client)).toBe(kafkaErrors.KAFKA_STORAGE_ERROR);
    expect(await produce(client)).toBe(kafkaErrors.KAFKA_STORAGE_ERROR);
    expect(failures).toHaveLength(1);
    await expect(RawClient.connect(broker.port)).rejects.toThrow();
    await broker.close();
    // The failure is not marked as a clean end: what was acknowledged is found by recovery.
    disk.crash({ kind: 'power' });
    const again = await startBroker(optionsFor('/data', [], { disk }));
    const reader = await RawClient.connect(again.port);
    const partitions = [{ partition: 0, fetchOffset: 0, partitionMaxBytes: 1_000 }];
    const topics = [{ topic: 't', partitions }];
    const fetched = await reader.ask(fetchApi, 11, {
      maxWaitMs: 0,
      minBytes: 0,
      topics,
      forgottenTopicsData: [],
      rackId: '',
    });
    expect(fetched.responses[0]?.partitions[0]).toMatchObject({ errorCode: 0, highWatermark: 1 });
    await reader.close();
    await again.close();
  });

  test('a sync that hangs delays its own answers only', async () => {
    const { disk, broker, client } = await onFakeDisk();
    const release = disk.hold('sync');
    let isAnswered = false;
    const produced = produce(client).then((errorCode) => {
      isAnswered = true;
      return errorCode;
    });
    const other = await RawClient.connect(broker.port);
    for (let round = 0; round < 20; round++) await other.ask(apiVersionsApi, 0, {});
    expect(isAnswered).toBe(false);
    release();
    expect(await produced).toBe(0);
    await other.close();
    await client.close();
    await broker.close();
  });

  test.each([
    ['a torn end is cut, and work goes on', (bytes: Buffer) => bytes.subarray(0, -3), 0, 'a torn end'],
    [
      'zeros at the end are cut',
      (bytes: Buffer) => Buffer.concat([bytes.subarray(0, -3), Buffer.alloc(9000)]),
      0,
      'a torn end',
    ],
    ['damage before the end is refused', flipped, kafkaErrors.KAFKA_STORAGE_ERROR, 'a partition is damaged'],
  ])('%s, and it says what it did', async (_, change, expected, line) => {
    const { disk, broker, client } = await onFakeDisk();
    for (const text of ['a', 'b', 'c']) expect(await produce(client, text)).toBe(0);
    await client.close();
    // A dead disk: the broker cannot mark its end as clean.
    disk.dieAfter(0);
    await broker.close();
    disk.crash({ kind: 'power' });
    const log = '/data/t-0/00000000000000000000.log';
    disk.overwrite(log, change(disk.bytesOf(log)));
    const damaged = disk.bytesOf(log);
    const lines: string[] = [];
    const again = await startBroker(optionsFor('/data', lines, { disk }));
    expect(lines.filter((text) => text.startsWith(line))).toHaveLength(1);
    const other = await RawClient.connect(again.port);
    expect(await produce(other)).toBe(expected);
    if (expected !== 0) expect(disk.bytesOf(log)).toEqual(damaged);
    await other.close();
    await again.close();
  });

  test('a full disk refuses what does not fit, and goes on when there is room', async () => {
    const { disk, broker, client, failures } = await onFakeDisk();
    disk.capacityBytes = disk.usedBytes + 10;
    expect(await produce(client)).toBe(kafkaErrors.KAFKA_STORAGE_ERROR);
    disk.capacityBytes = Number.POSITIVE_INFINITY;
    expect(await produce(client)).toBe(0);
    expect(failures).toEqual([]);
    await client.close();
    await broker.close();
  });
});

describe('starting', () => {
  test('a data directory has one broker', async () => {
    const running = await runBroker();
    await expect(startBroker(optionsFor(running.dataDir, [], {}))).rejects.toMatchObject({ code: 'disk/locked' });
    await running.stop();
  });

  test('a port that is taken is named, and nothing stays open', async () => {
    const running = await runBroker();
    const disk = new FakeDisk();
    const listen = { host: '127.0.0.1', port: running.broker.port };
    await expect(startBroker(optionsFor('/data', [], { disk, listen }))).rejects.toMatchObject({
      code: 'broker/listen',
    });
    const broker = await startBroker(optionsFor('/data', [], { disk }));
    await broker.close();
    await running.stop();
  });

  test('the advertised address is what clients hear', async () => {
    const running = await runBroker({ advertised: { host: 'broker.example', port: 19_092 } });
    const client = await RawClient.connect(running.broker.port);
    const { brokers } = await client.ask(metadataApi, 9, { topics: [] });
    expect(brokers).toMatchObject([{ host: 'broker.example', port: 19_092 }]);
    await client.close();
    await running.stop();
  });

  test('the cluster and its topics keep their identity', async () => {
    const running = await runBroker();
    const ask = async () => {
      const client = await RawClient.connect(running.broker.port);
      const answer = await client.ask(metadataApi, 10, {
        topics: [{ name: 'named', topicId: 'AAAAAAAAAAAAAAAAAAAAAA' }],
      });
      await client.close();
      return { clusterId: answer.clusterId, topicId: answer.topics[0]?.topicId };
    };
    const before = await ask();
    expect(before.topicId).not.toBe('AAAAAAAAAAAAAAAAAAAAAA');
    await running.restart();
    expect(await ask()).toEqual(before);
    await running.stop();
  });
});

test('closing answers the long polls and ends', async () => {
  const { broker, client } = await onFakeDisk();
  const partitions = [{ partition: 0, fetchOffset: 0, partitionMaxBytes: 1_000 }];
  const topics = [{ topic: 't', partitions }];
  const poll = client.ask(fetchApi, 11, {
    maxWaitMs: 60_000,
    minBytes: 1,
    topics,
    forgottenTopicsData: [],
    rackId: '',
  });
  await expect.poll(() => broker.stats().waitingFetches).toBe(1);
  await Promise.all([broker.close(), poll]);
  await client.closed;
});

test('idle connections are closed', async () => {
  const running = await runBroker({ limits: { idleTimeoutMs: 100 } });
  const client = await RawClient.connect(running.broker.port);
  await client.ask(apiVersionsApi, 0, {});
  await client.closed;
  await running.stop();
});

test('the reference in the README is the table of the handlers', async () => {
  const readme = await readFile(new URL('../../../core/README.md', import.meta.url), 'utf8');
  expect(readme).toContain(renderApiTable());
});
