/** What failures mean: whether trying again helps, and what is said to do. */

import { expect, test } from 'vitest';
import { asPostgresError } from '../../../../connectors/postgres-source/wire/server-errors.ts';

test.each<[string, string, string, boolean, string]>([
  ['28P01', 'password authentication failed for user "a"', 'postgres/refused', false, 'database.password'],
  ['42501', 'permission denied for table t', 'postgres/refused', false, 'rights'],
  ['25006', 'cannot execute CREATE PUBLICATION in a read-only transaction', 'postgres/refused', false, 'rights'],
  ['55006', 'replication slot "s" is active for PID 7', 'postgres/slot-busy', true, 'slot.name'],
  ['55000', 'can no longer get changes from replication slot "s"', 'postgres/slot-lost', false, 'when_needed'],
  ['58P01', 'requested WAL segment 000000010000000000000001 has already been removed', 'postgres/slot-lost', false, ''],
  ['58P01', 'could not access file "x": No such file or directory', 'postgres/unreachable', true, ''],
  [
    '53300',
    'number of requested standby connections exceeds "max_wal_senders"',
    'postgres/unreachable',
    true,
    'max_wal',
  ],
  ['57P01', 'terminating connection due to administrator command', 'postgres/unreachable', true, ''],
  ['57P03', 'the database system is starting up', 'postgres/unreachable', true, ''],
  ['ECONNREFUSED', 'connect ECONNREFUSED 127.0.0.1:1', 'postgres/unreachable', true, 'database.hostname'],
  ['SELF_SIGNED_CERT_IN_CHAIN', 'self-signed certificate', 'postgres/refused', false, 'database.sslrootcert'],
  ['ERR_TLS_CERT_ALTNAME_INVALID', 'Hostname/IP does not match', 'postgres/refused', false, 'database.sslrootcert'],
  ['CERT_HAS_EXPIRED', 'certificate has expired', 'postgres/refused', false, ''],
  ['', 'The server does not support SSL connections', 'postgres/refused', false, 'database.sslmode'],
  ['08P01', 'unsupported startup parameter: replication', 'postgres/refused', false, 'PgBouncer'],
  ['42704', 'publication "p" does not exist', 'postgres/publication', false, 'publication'],
])('%s %s', (code, message, expected, retriable, fix) => {
  const error = asPostgresError(Object.assign(new Error(message), { code }), 'here');
  expect(error).toMatchObject({ code: expected, retriable, where: 'here', fix: expect.stringContaining(fix) });
  expect(error.message).toContain(message);
});
