/** What a timeline's history says of a position. */

import { expect, test } from 'vitest';
import { timelineComplaint } from '../../../../connectors/postgres-source/slot/timeline.ts';

const history = [
  '1\t0/3000150\tno recovery target specified',
  '',
  '2\t1/A0\tbefore 2000-01-01 05:30:00+05:30',
  '# not by the server',
].join('\n');

async function complaint(lsn: bigint, timelines: { stored: number; server: number }): Promise<string | undefined> {
  const identity = { systemId: '7', slot: 's' };
  const stored = {
    position: { lsn, partial: undefined },
    identity: { ...identity, timeline: timelines.stored },
    owner: '',
  };
  const command = async (text: string) => [{ filename: '', content: text === 'TIMELINE_HISTORY 3' ? history : '' }];
  const found = await timelineComplaint(stored, { ...identity, timeline: timelines.server }, { command } as never);
  return found?.code;
}

test.each([
  ['the same timeline', 2n ** 40n, { stored: 3, server: 3 }, undefined],
  ['up to where it was left', 0x3000150n, { stored: 1, server: 3 }, undefined],
  ['past where it was left', 0x3000151n, { stored: 1, server: 3 }, 'postgres/other-server'],
  ['past another one', 0x1000000a1n, { stored: 2, server: 3 }, 'postgres/other-server'],
  ['before it', 0x1000000a0n, { stored: 2, server: 3 }, undefined],
  ['a timeline that is not there', 1n, { stored: 4, server: 3 }, 'postgres/other-server'],
  ['a server that has none before it', 1n, { stored: 2, server: 1 }, 'postgres/other-server'],
])('%s', async (_name, lsn, timelines, code) => {
  expect(await complaint(lsn, timelines)).toBe(code);
});
