/** One connection against a scripted broker: versions, deadlines, broken answers, reconnects. */

import { describe, expect, test } from 'vitest';
import { silentLogger } from '../../../core/base/logger.ts';
import { Connection, type ConnectionOptions } from '../../../core/client/connection.ts';
import { ConnectionPool } from '../../../core/client/connection-pool.ts';
import { clientErrors } from '../../../core/client/error-codes.ts';
import type { LinkEvents, Transport } from '../../../core/client/transport.ts';
import { apiVersionsApi } from '../../../core/protocol/apis/api-versions.ts';
import { heartbeatApi } from '../../../core/protocol/apis/groups.ts';
import { decodeRequestHeader, encodeResponseFrame } from '../../../core/protocol/frame.ts';
import { kafkaErrors } from '../../../core/protocol/kafka-errors.ts';
import { Reader } from '../../../core/protocol/reader.ts';
import { FakeClock } from '../../fakes/fake-clock.ts';

const address = { host: 'broker', port: 9092 };

/** A broker at the other end of a link, answering as the test says. */
class ScriptedBroker implements Transport {
  /** API keys with versions, as they came. */
  readonly asked: string[] = [];
  connectCount = 0;
  isDown = false;
  maxApiVersions = 4;
  events: LinkEvents | undefined;
  /** What it does with anything but ApiVersions. */
  onRequest: (correlationId: number, version: number) => void = () => {};

  connect(_: unknown, { events }: { events: LinkEvents }) {
    this.connectCount++;
    if (this.isDown) return Promise.reject(new Error('refused'));
    this.events = events;
    let isOpen = true;
    return Promise.resolve({
      write: (pieces: readonly Uint8Array[]) =>
        queueMicrotask(() => isOpen && this.#receive(Buffer.concat(pieces).subarray(4))),
      destroy: () => {
        if (isOpen) queueMicrotask(() => events.closed(undefined));
        isOpen = false;
      },
    });
  }

  send(bytes: Buffer): void {
    const room = this.events!.room();
    bytes.copy(room);
    try {
      this.events!.filled(bytes.length);
    } catch (error) {
      this.events!.closed(error as Error);
    }
  }

  answer(correlationId: number, version: number, errorCode = 0): void {
    this.send(Buffer.concat(encodeResponseFrame(heartbeatApi, { version, correlationId }, { errorCode })));
  }

  #receive(frame: Buffer): void {
    const { apiKey, apiVersion, correlationId } = decodeRequestHeader(new Reader(frame));
    this.asked.push(`${apiKey}v${apiVersion}`);
    if (apiKey === apiVersionsApi.key) this.#answerApiVersions(correlationId, apiVersion);
    else this.onRequest(correlationId, apiVersion);
  }

  #answerApiVersions(correlationId: number, apiVersion: number): void {
    const isKnown = apiVersion <= this.maxApiVersions;
    const apiKeys = [
      { apiKey: apiVersionsApi.key, minVersion: 0, maxVersion: this.maxApiVersions },
      { apiKey: heartbeatApi.key, minVersion: 0, maxVersion: 3 },
    ];
    const errorCode = isKnown ? 0 : kafkaErrors.UNSUPPORTED_VERSION;
    const version = isKnown ? apiVersion : 0;
    this.send(Buffer.concat(encodeResponseFrame(apiVersionsApi, { version, correlationId }, { errorCode, apiKeys })));
  }
}

function setUp() {
  const broker = new ScriptedBroker();
  const clock = new FakeClock();
  const settings = {
    transport: broker,
    clientId: 'test',
    clock,
    connectTimeoutMs: 1000,
    requestTimeoutMs: 500,
    maxFrameBytes: 10_000,
  };
  const options: ConnectionOptions = { ...settings, address, signal: new AbortController().signal };
  return { broker, clock, settings, options };
}

const heartbeat = { groupId: 'g', generationId: 1, memberId: 'm' };

describe('connection', () => {
  test('agrees on versions, also with a broker that knows only old ones', async () => {
    const { broker, options } = setUp();
    broker.onRequest = (correlationId, version) => broker.answer(correlationId, version, 27);
    const connection = await Connection.open(options);
    expect(await connection.request(heartbeatApi, heartbeat)).toMatchObject({ errorCode: 27 });
    expect(broker.asked).toEqual(['18v4', '12v3']);
    broker.maxApiVersions = 0;
    await Connection.open(options);
    expect(broker.asked.slice(2)).toEqual(['18v4', '18v0']);
  });

  test('matches several requests in flight to their answers', async () => {
    const { broker, options } = setUp();
    const connection = await Connection.open(options);
    const asked: [number, number][] = [];
    broker.onRequest = (...request) => void asked.push(request);
    const answers = [1, 2, 3].map(() => connection.request(heartbeatApi, heartbeat));
    await Promise.resolve();
    for (const [i, [correlationId, version]] of asked.entries()) broker.answer(correlationId, version, i);
    expect((await Promise.all(answers)).map(({ errorCode }) => errorCode)).toEqual([0, 1, 2]);
  });

  test('drops the connection when an answer is overdue', async () => {
    const { clock, options } = setUp();
    const connection = await Connection.open(options);
    const slow = connection.request(heartbeatApi, heartbeat, { timeoutMs: 2_000 });
    const failures = Promise.all([
      expect(slow).rejects.toMatchObject({ code: 'client/timeout', where: 'broker:9092' }),
      expect(connection.request(heartbeatApi, heartbeat)).rejects.toMatchObject({ code: 'client/timeout' }),
    ]);
    await clock.advance(499);
    expect(connection.isClosed).toBe(false);
    await clock.advance(2);
    await failures;
    expect(connection.isClosed).toBe(true);
    await expect(connection.request(heartbeatApi, heartbeat)).rejects.toMatchObject({ code: 'client/timeout' });
    expect(clock.waitingCount).toBe(0);
  });

  test('rejects what waits when the broker hangs up', async () => {
    const { broker, options } = setUp();
    const connection = await Connection.open(options);
    const waiting = connection.request(heartbeatApi, heartbeat);
    broker.events!.closed(new Error('reset'));
    await expect(waiting).rejects.toMatchObject({
      code: 'client/disconnected',
      message: expect.stringContaining('reset'),
    });
  });

  test.each([
    ['an answer nobody asked for', (broker: ScriptedBroker) => broker.answer(4711, 3)],
    [
      'an answer that ends too early',
      (broker: ScriptedBroker, correlationId: number) => {
        const frame = Buffer.concat([Buffer.from([0, 0, 0, 5]), Buffer.alloc(5)]);
        frame.writeInt32BE(correlationId, 4);
        broker.send(frame);
      },
    ],
    ['a frame too large', (broker: ScriptedBroker) => broker.send(Buffer.from([0x16, 3, 1, 0]))],
  ])('gives up on %s', async (_, misbehave) => {
    const { broker, options } = setUp();
    broker.onRequest = (correlationId) => misbehave(broker, correlationId);
    const connection = await Connection.open(options);
    await expect(connection.request(heartbeatApi, heartbeat)).rejects.toMatchObject({ code: 'client/malformed' });
    expect(connection.isClosed).toBe(true);
  });

  test('stops waiting when the caller aborts, and stays in step', async () => {
    const { broker, options } = setUp();
    const connection = await Connection.open(options);
    const asked: [number, number][] = [];
    broker.onRequest = (...request) => void asked.push(request);
    const controller = new AbortController();
    const first = connection.request(heartbeatApi, heartbeat, { signal: controller.signal });
    const second = connection.request(heartbeatApi, heartbeat);
    controller.abort(new Error('enough'));
    await expect(first).rejects.toThrow('enough');
    for (const [i, [correlationId, version]] of asked.entries()) broker.answer(correlationId, version, i);
    expect((await second).errorCode).toBe(1);
  });
});

describe('connection pool', () => {
  test('shares a connection per broker and purpose, and waits longer after each failure', async () => {
    const { broker, clock, settings } = setUp();
    const pool = new ConnectionPool(settings, silentLogger);
    const [a, b] = await Promise.all([pool.get(address, 'control'), pool.get(address, 'control')]);
    expect(a).toBe(b);
    expect(await pool.get(address, 'fetch#1')).not.toBe(a);
    expect(broker.connectCount).toBe(2);
    broker.isDown = true;
    a.close();
    for (const waitMs of [130, 130, 250, 500]) {
      const attempt = pool.get(address, 'control');
      const failed = expect(attempt).rejects.toMatchObject({ code: 'client/unreachable', where: 'broker:9092' });
      await clock.advance(waitMs);
      await failed;
    }
    expect(broker.connectCount).toBe(6);
    broker.isDown = false;
    const again = pool.get(address, 'control');
    await clock.advance(1_000);
    expect((await again).isClosed).toBe(false);
    pool.close();
    expect((await again).isClosed).toBe(true);
    await expect(pool.get(address, 'control')).rejects.toSatisfy((error) => clientErrors.is(error, 'closed'));
  });

  test('closes what a producer or fetcher leaves behind, and nothing else', async () => {
    const { settings } = setUp();
    const pool = new ConnectionPool(settings, silentLogger);
    const control = await pool.get(address, 'control');
    const fetching = await pool.get(address, 'fetch#1');
    pool.release('fetch#1');
    expect([control.isClosed, fetching.isClosed]).toEqual([false, true]);
  });
});
