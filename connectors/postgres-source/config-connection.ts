/** Settings: where the database is and how to reach it. */

import { field } from '../../config/fields/kinds.ts';
import { sslModes, urlComplaint } from './database-address.ts';

const group = 'Connection';

export function connectionFields() {
  return {
    'database.url': field.secret({
      doc: 'The database in one address, `postgres://user:password@host:5432/database?sslmode=require`. What `database.*` settings say beside it counts more.',
      importance: 'high',
      group,
      example: 'postgres://cdc:secret@db.internal/shop',
      check: (url) => urlComplaint(url.reveal()),
    }),
    'database.hostname': field.string({
      doc: 'The name or address of the server.',
      importance: 'high',
      group,
      example: 'db.internal',
    }),
    'database.port': field.int({ doc: 'The port of the server; 5432 unless given.', min: 1, max: 65_535, group }),
    'database.user': field.string({
      doc: 'The role to log in as. It needs the attributes LOGIN and REPLICATION, and SELECT on the tables.',
      importance: 'high',
      group,
      example: 'cdc',
    }),
    'database.password': field.secret({ doc: 'The password of the role.', importance: 'high', group }),
    'database.dbname': field.string({
      doc: 'The database whose changes are captured.',
      importance: 'high',
      group,
      example: 'shop',
    }),
    ...tlsFields(),
  };
}

function tlsFields() {
  return {
    'database.sslmode': field.choice(sslModes, {
      doc: 'Whether the connection is encrypted, and what of the server’s certificate is checked, as for every PostgreSQL client; `prefer` unless given.',
      group,
      also: { verify_ca: 'verify-ca', verify_full: 'verify-full', required: 'require' },
    }),
    'database.sslrootcert': field.path({
      doc: 'The certificates the server’s certificate must lead to, as a PEM file.',
      group,
      importance: 'low',
    }),
    'database.sslcert': field.path({ doc: 'The client’s certificate, as a PEM file.', group, importance: 'low' }),
    'database.sslkey': field.path({
      doc: 'The key of the client’s certificate, as a PEM file.',
      group,
      importance: 'low',
    }),
    'database.sslpassword': field.secret({ doc: 'The password of the client’s key.', group, importance: 'low' }),
  };
}
