/** Makes the shop's database in a fresh Postgres, with a role that may do what capturing its changes takes and no more. */

import pg from 'pg';
import { superuser } from '../postgres/home.ts';
import { schema } from './schema.ts';

const name = 'shop';

/** `postgres://…` of the database, as its owner. */
export async function openShop(host: string, port: number): Promise<string> {
  await withClient(addressOf(host, port, superuser, 'postgres'), async (client) => {
    await client.query(`CREATE ROLE ${name} LOGIN REPLICATION PASSWORD '${name}'`);
    await client.query(`CREATE DATABASE ${name} OWNER ${name} STRATEGY file_copy`);
  });
  const url = addressOf(host, port, { user: name, password: name }, name);
  await withClient(url, (client) => client.query(schema));
  return url;
}

function addressOf(
  host: string,
  port: number,
  role: { readonly user: string; readonly password: string },
  database: string,
) {
  return `postgres://${role.user}:${role.password}@${host}:${port}/${database}`;
}

async function withClient(url: string, use: (client: pg.Client) => Promise<unknown>): Promise<void> {
  const client = new pg.Client(url);
  await client.connect();
  try {
    await use(client);
  } finally {
    await client.end();
  }
}
