/** What a slot is asked to be, by the version of the server. */

import { expect, test } from 'vitest';
import { createSlot } from '../../../../connectors/postgres-source/slot/take-slot.ts';
import type { ReplicationConnection } from '../../../../connectors/postgres-source/wire/replication-connection.ts';

async function commandFor(serverVersion: number, failover: boolean, twoPhase: boolean): Promise<string | undefined> {
  const commands: string[] = [];
  const connection = {
    command: async (text: string) => {
      commands.push(text);
      return [{ consistent_point: '0/10', snapshot_name: 'x' }];
    },
  };
  const wish = { name: 's', serverVersion, failover, twoPhase };
  await createSlot(connection as unknown as ReplicationConnection, wish);
  return commands.at(-1);
}

test.each([
  [140_000, false, false, 'EXPORT_SNAPSHOT'],
  [150_000, true, true, "(SNAPSHOT 'export', TWO_PHASE)"],
  [170_000, true, false, "(SNAPSHOT 'export', FAILOVER)"],
  [180_000, true, true, "(SNAPSHOT 'export', TWO_PHASE, FAILOVER)"],
])('version %i, failover %s, two-phase %s: %s', async (version, failover, twoPhase, how) => {
  const expected = `CREATE_REPLICATION_SLOT "s" LOGICAL pgoutput ${how}`;
  expect(await commandFor(version, failover, twoPhase)).toBe(expected);
});

test('a server that cannot tell of prepared transactions says so before there is a slot', async () => {
  const refused = { code: 'postgres/setting', where: 'slot s', message: expect.stringContaining('prepared') };
  await expect(commandFor(140_000, false, true)).rejects.toMatchObject(refused);
});
