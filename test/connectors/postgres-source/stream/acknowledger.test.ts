/** A server that is silent is asked, and one that does not answer is given up; nobody else is. */

import { expect, test } from 'vitest';
import { Acknowledger } from '../../../../connectors/postgres-source/stream/acknowledger.ts';
import type { StandbyStatus } from '../../../../connectors/postgres-source/wire/messages.ts';
import { FakeClock } from '../../../fakes/fake-clock.ts';

function start(walSenderTimeoutMs: number) {
  const clock = new FakeClock();
  const sent: StandbyStatus[] = [];
  const server = {
    receivedBytes: 0,
    isPaused: false,
    reason: '',
    abandon(message: string) {
      server.reason = message;
    },
  };
  const acknowledger = new Acknowledger(5n, {
    ...{ clock, walSenderTimeoutMs, flushMs: 250, server },
    send: (status) => sent.push(status),
  });
  acknowledger.start();
  return { clock, sent, server, acknowledger };
}

test('silence of twice the time that the server itself would wait ends it', async () => {
  const { clock, sent, server } = start(60_000);
  await clock.advance(110_000);
  expect(sent.every(({ wantsReply }) => wantsReply)).toBe(true);
  expect(server.reason).toBe('');
  await clock.advance(30_000);
  expect(server.reason).toBe('the server has not answered for 130 s');
  const { length } = sent;
  await clock.advance(100_000);
  expect(sent).toHaveLength(length);
});

test('one that answers, one that has no room to, and one without a limit are left alone', async () => {
  const answering = start(2000);
  const full = start(2000);
  const patient = start(0);
  full.server.isPaused = true;
  for (let second = 0; second < 600; second += 1) {
    if (answering.sent.at(-1)?.wantsReply) answering.server.receivedBytes += 18;
    for (const { clock } of [answering, full, patient]) await clock.advance(1000);
  }
  expect([answering, full, patient].map(({ server }) => server.reason)).toEqual(['', '', '']);
  expect(answering.sent.some(({ wantsReply }) => !wantsReply)).toBe(true);
  expect(full.sent.some(({ wantsReply }) => wantsReply)).toBe(false);
});

test('what became durable is told soon, once, and never goes back', async () => {
  const { clock, sent, acknowledger } = start(60_000);
  acknowledger.flushed(9n);
  acknowledger.flushed(7n);
  await clock.advance(250);
  expect(sent.map(({ flushedLsn, writtenLsn }) => [flushedLsn, writtenLsn])).toEqual([[9n, 9n]]);
  acknowledger.received(20n);
  acknowledger.flushed(10n);
  acknowledger.stop();
  expect(sent.at(-1)).toMatchObject({ flushedLsn: 10n, writtenLsn: 20n });
});
