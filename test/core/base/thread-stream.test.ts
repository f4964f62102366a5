/** Streams between threads: order, bounds, pauses and every way to end, in one thread and with a real one. */

import { createHash } from 'node:crypto';
import { Worker } from 'node:worker_threads';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ThreadStream, threadStreamPair } from '../../../core/base/thread-stream.ts';
import { until } from '../../kits/client-kit.ts';

interface Side {
  readonly stream: ThreadStream;
  readonly received: Buffer[];
  readonly events: string[];
  bytes(): number;
}

function sideOf(end: ReturnType<typeof threadStreamPair>[0]): Side {
  const stream = new ThreadStream(end);
  const received: Buffer[] = [];
  const events: string[] = [];
  stream.bind({
    onData: (chunk) => void received.push(Buffer.from(chunk)),
    onEnd: () => void events.push('end'),
    onClose: () => void events.push('close'),
  });
  return { stream, received, events, bytes: () => received.reduce((sum, { length }) => sum + length, 0) };
}

function pair(): [Side, Side] {
  const [a, b] = threadStreamPair();
  return [sideOf(a), sideOf(b)];
}

describe('a stream within one thread', () => {
  test('any pieces arrive in order, both ways, and each write hears that its pieces are free', async () => {
    const pieces = fc.array(fc.array(fc.integer({ min: 0, max: 3_000_000 }), { maxLength: 3 }), { maxLength: 6 });
    const property = fc.asyncProperty(pieces, pieces, async (there, back) => {
      const [a, b] = pair();
      let written = 0;
      const send = (side: Side, writes: number[][]) =>
        writes.map((sizes, i) => {
          const buffers = sizes.map((size, j) => Buffer.alloc(size, i * 16 + j + 1));
          side.stream.write(buffers, buffers.length === 0 ? undefined : () => void written++);
          return buffers;
        });
      const [sentThere, sentBack] = [Buffer.concat(send(a, there).flat()), Buffer.concat(send(b, back).flat())];
      await until(() => b.bytes() === sentThere.length && a.bytes() === sentBack.length, 'all bytes arrived');
      expect(Buffer.concat(b.received).equals(sentThere)).toBe(true);
      expect(Buffer.concat(a.received).equals(sentBack)).toBe(true);
      expect(written).toBe([...there, ...back].filter((sizes) => sizes.length > 0).length);
      a.stream.destroy();
      await until(() => b.events.includes('close') && a.events.includes('close'), 'both sides closed');
    });
    await fc.assert(property, { numRuns: 25 });
  });

  test('a paused reader takes nothing more, and what it cannot take stays with the writer', async () => {
    const [a, b] = pair();
    b.stream.pause();
    let isWritten = false;
    a.stream.write([Buffer.alloc(10_000_000, 7)], () => {
      isWritten = true;
    });
    await new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
    expect(b.bytes()).toBe(0);
    expect(isWritten).toBe(false);
    b.stream.resume();
    await until(() => b.bytes() === 10_000_000, 'all bytes arrived');
    expect(isWritten).toBe(true);
    a.stream.destroy();
  });

  test('an end comes after the last byte, and closes both sides', async () => {
    const [a, b] = pair();
    a.stream.write([Buffer.alloc(5_000_000, 1)]);
    a.stream.end();
    await until(() => a.events.includes('close'), 'the ending side closed');
    expect(b.bytes()).toBe(5_000_000);
    expect(b.events).toEqual(['end', 'close']);
    expect(a.events).toEqual(['close']);
  });

  test('after a close nothing is sent, and nothing is heard twice', async () => {
    const [a, b] = pair();
    a.stream.destroy();
    a.stream.destroy();
    a.stream.write([Buffer.from('late')]);
    a.stream.end();
    await until(() => b.events.includes('close') && a.events.includes('close'), 'both sides closed');
    expect(b.received).toEqual([]);
    expect([...a.events, ...b.events]).toEqual(['close', 'close']);
  });
});

describe('a stream to another thread', () => {
  const echo = new URL('./echo-thread.ts', import.meta.url);

  test('a hundred megabytes go there and back unchanged', async () => {
    const [own, other] = threadStreamPair();
    const worker = new Worker(echo, { workerData: other, transferList: [other.port] });
    const stream = new ThreadStream(own);
    const sent = createHash('sha256');
    const received = createHash('sha256');
    let bytes = 0;
    stream.bind({
      onData: (chunk) => {
        received.update(chunk);
        bytes += chunk.length;
      },
      onEnd: () => {},
      onClose: () => {},
    });
    const total = 100_000_000;
    for (let at = 0; at < total; at += 1_000_000) {
      const piece = Buffer.alloc(1_000_000, at % 251);
      sent.update(piece);
      stream.write([piece]);
    }
    await until(() => bytes === total, 'everything came back');
    expect(received.digest('hex')).toBe(sent.digest('hex'));
    stream.destroy();
    await worker.terminate();
  });

  test('a thread that is ended closes its streams', async () => {
    const [own, other] = threadStreamPair();
    const worker = new Worker(echo, { workerData: other, transferList: [other.port] });
    const side = sideOf(own);
    side.stream.write([Buffer.from('hello')]);
    await until(() => side.bytes() === 5, 'the thread answered');
    await worker.terminate();
    await until(() => side.events.includes('close'), 'the stream closed');
  });
});
