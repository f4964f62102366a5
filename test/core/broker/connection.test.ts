/** One connection over a transport made by hand: order, bounds, pauses and endings. */

import { describe, expect, test } from 'vitest';
import { silentLogger } from '../../../core/base/logger.ts';
import { ByteBudget } from '../../../core/broker/byte-budget.ts';
import { Connection, type Exchange, type Reply } from '../../../core/broker/connection.ts';
import type { Transport, TransportEvents } from '../../../core/broker/transport.ts';
import { BatchMemory } from '../../../core/protocol/batch-memory.ts';
import { FakeClock } from '../../fakes/fake-clock.ts';

class HandTransport implements Transport {
  readonly peer = 'hand';
  events: TransportEvents | undefined;
  readonly written: string[] = [];
  readonly flushes: (() => void)[] = [];
  isPaused = false;
  isEnded = false;
  isDestroyed = false;

  bind(events: TransportEvents): void {
    this.events = events;
  }
  write(pieces: readonly Buffer[], onFlushed: () => void): void {
    this.written.push(Buffer.concat(pieces).toString());
    this.flushes.push(onFlushed);
  }
  pause(): void {
    this.isPaused = true;
  }
  resume(): void {
    this.isPaused = false;
  }
  end(): void {
    this.isEnded = true;
  }
  destroy(): void {
    this.isDestroyed = true;
    this.events?.onClose();
  }
  /** One chunk with a frame for each text. */
  receive(...texts: string[]): void {
    const frames = texts.map((text) => {
      const frame = Buffer.alloc(4 + text.length);
      frame.writeInt32BE(text.length);
      frame.write(text, 4);
      return frame;
    });
    this.events?.onData(Buffer.concat(frames));
  }
  flushAll(): void {
    for (const flush of this.flushes.splice(0)) flush();
  }
}

/** A connection whose requests wait until the test answers them by their text. */
function connect(
  limits: { maxInFlightRequests?: number; maxInFlightBytes?: number } = {},
  budget = new ByteBudget(1_000),
) {
  const transport = new HandTransport();
  const served: string[] = [];
  const exchanges: Exchange[] = [];
  const answers = new Map<string, (reply: Reply) => void>();
  let closedCount = 0;
  const connection = new Connection({
    transport,
    serve: (frame, exchange) => {
      const text = frame.toString();
      served.push(text);
      exchanges.push(exchange);
      if (text.startsWith('now')) return [Buffer.from(`${text}!`)];
      return new Promise((resolve) => answers.set(text, resolve));
    },
    limits: { maxFrameBytes: 100, maxInFlightRequests: 4, maxInFlightBytes: 50, ...limits },
    budget,
    memory: new BatchMemory({ maxBytes: 0 }),
    clock: new FakeClock(),
    logger: silentLogger,
    onClosed: () => void closedCount++,
  });
  const answer = async (text: string, reply: Reply = [Buffer.from(text)]) => {
    answers.get(text)?.(reply);
    await new Promise((resolve) => setImmediate(resolve));
  };
  return { transport, served, exchanges, answer, connection, budget, closedCount: () => closedCount };
}

describe('order', () => {
  test('requests are served on arrival and answered in their order', async () => {
    const { transport, served, answer } = connect();
    transport.receive('a', 'b', 'now');
    expect(served).toEqual(['a', 'b', 'now']);
    await answer('b');
    expect(transport.written).toEqual([]);
    await answer('a');
    expect(transport.written).toEqual(['a', 'b', 'now!']);
  });

  test('a request without an answer holds nobody back', async () => {
    const { transport, answer } = connect();
    transport.receive('a', 'now');
    await answer('a', 'none');
    expect(transport.written).toEqual(['now!']);
  });

  test('a hang-up sends what came before and nothing behind', async () => {
    const { transport, answer, budget } = connect();
    transport.receive('a', 'b', 'now');
    await answer('b', 'hang-up');
    expect(transport.isEnded).toBe(false);
    await answer('a');
    expect(transport.written).toEqual(['a']);
    expect(transport.isEnded).toBe(true);
    transport.destroy();
    expect(budget.usedBytes).toBe(0);
  });
});

describe('bounds', () => {
  test('too many requests pause the transport until replies have left', async () => {
    const { transport, served, answer } = connect({ maxInFlightRequests: 2 });
    transport.receive('a', 'b', 'c', 'd');
    expect(served).toEqual(['a', 'b']);
    expect(transport.isPaused).toBe(true);
    await answer('a');
    // Answered is not enough: the peer has to take it.
    expect(served).toEqual(['a', 'b']);
    transport.flushAll();
    expect(served).toEqual(['a', 'b', 'c']);
    await answer('b');
    transport.flushAll();
    expect(served).toEqual(['a', 'b', 'c', 'd']);
    expect(transport.isPaused).toBe(false);
  });

  test('too many bytes pause it too, and one request is always let in', async () => {
    const { transport, served, answer } = connect({ maxInFlightBytes: 10 });
    const large = 'x'.repeat(40);
    transport.receive(large, 'b');
    expect(served).toEqual([large]);
    await answer(large, 'none');
    expect(served).toEqual([large, 'b']);
  });

  test('unanswered requests in one chunk are all served in turn', () => {
    const { transport, served } = connect({ maxInFlightRequests: 1 });
    transport.receive('now1', 'now2', 'now3');
    expect(served).toEqual(['now1']);
    transport.flushAll();
    transport.flushAll();
    expect(served).toEqual(['now1', 'now2', 'now3']);
  });

  test('connections share one budget, and what one gives back another takes', async () => {
    const budget = new ByteBudget(30);
    const first = connect({}, budget);
    const second = connect({}, budget);
    first.transport.receive('x'.repeat(25));
    second.transport.receive('y'.repeat(20));
    expect(second.served).toEqual([]);
    expect(second.transport.isPaused).toBe(true);
    await first.answer('x'.repeat(25), 'none');
    expect(second.served).toHaveLength(1);
    expect(second.transport.isPaused).toBe(false);
  });
});

describe('endings', () => {
  test('a client that closes its side still gets its answers, and is not waited for', async () => {
    const { transport, answer, exchanges } = connect();
    transport.receive('a');
    let isTold = false;
    exchanges[0]?.client.onGone(() => {
      isTold = true;
    });
    transport.events?.onEnd();
    expect(isTold).toBe(true);
    expect(transport.isEnded).toBe(false);
    await answer('a');
    expect(transport.written).toEqual(['a']);
    expect(transport.isEnded).toBe(true);
  });

  test('everything held is given back when the transport closes, also what is still being served', async () => {
    const { transport, answer, budget, exchanges, closedCount } = connect();
    const sent: string[] = [];
    transport.receive('a', 'b', 'c');
    for (const [index, exchange] of exchanges.entries()) exchange.afterSent(() => sent.push(`${index}`));
    await answer('a');
    await answer('c');
    transport.destroy();
    expect(sent).toEqual(['0', '2']);
    expect(budget.usedBytes).toBe(1);
    await answer('b');
    expect(sent).toEqual(['0', '2', '1']);
    expect(budget.usedBytes).toBe(0);
    expect(transport.written).toEqual(['a']);
    expect(closedCount()).toBe(1);
  });

  test('finishing drops what was not begun and answers what was', async () => {
    const { transport, served, answer, connection } = connect({ maxInFlightRequests: 1 });
    transport.receive('a', 'b');
    connection.finish();
    await answer('a');
    transport.flushAll();
    expect(served).toEqual(['a']);
    expect(transport.isEnded).toBe(true);
  });
});
