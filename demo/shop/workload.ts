/** What happens in the shop: transactions that take turns, each on rows that are there, so that anybody may change rows beside it. */

import type { Clock } from '../../core/base/clock.ts';

/** Anything that runs one statement, which is one transaction. */
interface Database {
  query(sql: string): Promise<unknown>;
}

const order = `
WITH placed AS (
  SELECT p.id AS product_id, p.price, 1 + floor(random() * 3)::int AS quantity
  FROM products p ORDER BY random() LIMIT 1 + floor(random() * 2)::int
), made AS (
  INSERT INTO orders (customer_id, total)
  SELECT customer.id, sum(price * quantity)
  FROM placed, (SELECT id FROM customers ORDER BY random() LIMIT 1) AS customer GROUP BY customer.id
  RETURNING id
)
INSERT INTO order_lines SELECT made.id, product_id, quantity FROM made, placed`;

/** Moves the order that has waited longest. */
function move(from: string, to: string): string {
  return `UPDATE orders SET status = '${to}' WHERE id = (SELECT min(id) FROM orders WHERE status = '${from}')`;
}

const cancel = `DELETE FROM orders WHERE id = (SELECT max(id) FROM orders WHERE status = 'new')`;

/** Keeps the shop small: as many orders leave in a round as come. */
const forget = `DELETE FROM orders WHERE id IN (SELECT id FROM orders WHERE status = 'shipped' ORDER BY id LIMIT 3)`;

const price = `
UPDATE products SET price = greatest(0.50, round(price * (0.9 + random() * 0.2)::numeric, 2))
WHERE id = (SELECT id FROM products ORDER BY random() LIMIT 1)`;

const cities = ['Paris', 'Lisbon', 'Oslo', 'Vienna', 'Prague', 'Dublin'];

const relocate = `
UPDATE customers SET city = (ARRAY['${cities.join("', '")}'])[1 + floor(random() * ${cities.length})::int]
WHERE id = (SELECT id FROM customers ORDER BY random() LIMIT 1)`;

/** A round brings four orders: one is cancelled, three are paid, shipped and forgotten. */
export const round: readonly string[] = [
  order,
  move('new', 'paid'),
  price,
  order,
  move('paid', 'shipped'),
  order,
  cancel,
  move('new', 'paid'),
  relocate,
  move('paid', 'shipped'),
  order,
  move('new', 'paid'),
  move('paid', 'shipped'),
  forget,
];

export interface WorkloadOptions {
  readonly database: Database;
  /** Transactions per second; 0 for none. */
  readonly ratePerSecond: number;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

/** Goes round until the signal aborts, then resolves. A database that cannot keep up is not run after. Rejects when a statement fails. */
export async function runWorkload({ database, ratePerSecond, clock, signal }: WorkloadOptions): Promise<void> {
  if (ratePerSecond === 0) return;
  const everyMs = 1000 / ratePerSecond;
  let dueMs = clock.monotonicMs();
  for (let turn = 0; !signal.aborted; turn = (turn + 1) % round.length) {
    await database.query(round[turn]!);
    const nowMs = clock.monotonicMs();
    dueMs = Math.max(dueMs + everyMs, nowMs);
    await clock.sleep(dueMs - nowMs, signal).catch(() => {});
  }
}
