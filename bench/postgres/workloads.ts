/** What is written to the database: rows of a size, pgbench's transactions, or inserts, updates and deletes. */

import type { PostgresServer } from '../../test/kits/postgres-server.ts';
import { measureCommand } from '../measure.ts';

export interface Workload {
  readonly tables: readonly string[];
  /** Rows that are inserted, updated or deleted. */
  readonly changes: number;
  /** Of these changes, in all topics: a delete has a tombstone behind it. */
  readonly records: number;
  create(server: PostgresServer): Promise<unknown>;
  write(server: PostgresServer): Promise<unknown>;
}

/** A key, texts, a number, a time and a document; the text makes the size. */
export const ordersSql = `CREATE TABLE orders (id bigint PRIMARY KEY, customer text, note text, amount numeric(12, 2),
  placed_at timestamptz, detail jsonb)`;

const details = { short: '{}', long: '{"sku": "A-1234", "count": 3, "gift": false}' };

/** The sizes of rows that were asked about, in bytes. */
export const rowSizes: Readonly<Record<string, { readonly note: number; readonly detail: string }>> = {
  100: { note: 1, detail: details.short },
  208: { note: 60, detail: details.long },
  1600: { note: 1452, detail: details.long },
};

/** An INSERT of rows with the keys of `generate_series(…)`, which the caller appends. */
export function insertOrders(bytes: string): string {
  const size = rowSizes[bytes];
  if (size === undefined) throw new Error(`rows have ${Object.keys(rowSizes).join(', ')} bytes, not ${bytes}`);
  return `INSERT INTO orders SELECT i, 'customer ' || i % 1000, repeat('n', ${size.note}), i * 0.37,
    '2026-11-27T10:00:00Z'::timestamptz + i * interval '1 ms', '${size.detail}' FROM generate_series`;
}

export function rowsWorkload(options: { bytes: string; rows: number; perTransaction: number }): Workload {
  const { rows, perTransaction } = options;
  return {
    tables: ['public.orders'],
    changes: rows,
    records: rows,
    create: (server) => server.query(ordersSql),
    async write(server) {
      await server.query(
        `CREATE PROCEDURE fill(total bigint, size bigint) LANGUAGE plpgsql AS $$ BEGIN
          FOR start IN 1..total BY size LOOP
            ${insertOrders(options.bytes)}(start, least(start + size - 1, total)) i; COMMIT;
          END LOOP; END $$`,
      );
      await server.query(`CALL fill(${rows}, ${perTransaction})`);
    },
  };
}

/** Half inserts, three tenths updates, two tenths deletes, in each transaction. */
export function mixedWorkload(options: { rows: number; perTransaction: number }): Workload {
  const inserts = Math.ceil(options.perTransaction / 2);
  const updates = Math.ceil(inserts * 0.6);
  const deletes = inserts - updates;
  const transactions = Math.ceil(options.rows / (inserts + updates + deletes));
  const insert = insertOrders('208');
  return {
    tables: ['public.orders'],
    changes: transactions * (inserts + updates + deletes),
    records: transactions * (inserts + updates + 2 * deletes),
    async create(server) {
      await server.query(ordersSql);
      // What the first two transactions update and delete.
      await server.query(`${insert}(1, ${2 * inserts}) i`);
    },
    async write(server) {
      await server.query(
        `CREATE PROCEDURE mix() LANGUAGE plpgsql AS $$ BEGIN
          FOR start IN ${2 * inserts}..${(transactions + 1) * inserts} BY ${inserts} LOOP
            ${insert}(start + 1, start + ${inserts}) i;
            UPDATE orders SET amount = amount + 1, note = reverse(note)
              WHERE id > start - ${inserts} AND id <= start - ${inserts - updates};
            DELETE FROM orders WHERE id > start - ${2 * inserts - updates} AND id <= start - ${inserts};
            COMMIT;
          END LOOP; END $$`,
      );
      await server.query('CALL mix()');
    },
  };
}

/** pgbench's own: three updates and an insert in each transaction, over two connections. */
export function tpcbWorkload({ rows }: { rows: number }): Workload {
  const connections = 2;
  const each = Math.ceil(rows / 4 / connections);
  const changes = each * connections * 4;
  const pgbench = (server: PostgresServer, args: readonly string[]) =>
    measureCommand('pgbench', ['--quiet', ...args, server.url]);
  return {
    tables: ['public.pgbench_accounts', 'public.pgbench_branches', 'public.pgbench_history', 'public.pgbench_tellers'],
    changes,
    records: changes,
    create: (server) => pgbench(server, ['--initialize', '--scale=10']),
    write: (server) =>
      measureCommand('pgbench', [
        '--no-vacuum',
        `--client=${connections}`,
        `--transactions=${each}`,
        '--random-seed=1',
        server.url,
      ]),
  };
}
