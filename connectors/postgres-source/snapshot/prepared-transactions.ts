/**
 * Waits for prepared transactions whose changes may have been told already: no read sees those before the transaction commits,
 * so that rows as they were would come behind what has changed them, and nothing would be told of that any more.
 */

import type { Clock } from '../../../core/base/clock.ts';
import type { Logger } from '../../../core/base/logger.ts';
import { type CatalogPort, textOf } from '../catalog/port.ts';
import { postgresErrors } from '../error-codes.ts';

const pauseMs = 100;
/** As long as for other transactions that must have ended. */
const longestMs = 60_000;

/** Resolves once all that are prepared now are committed or rolled back. Rejects with `postgres/open-transaction` after a minute. */
export async function preparedTransactionsEnded(
  sql: CatalogPort,
  { clock, logger }: { readonly clock: Clock; readonly logger: Logger },
): Promise<void> {
  const first = await preparedNow(sql);
  const endsAtMs = clock.monotonicMs() + longestMs;
  for (let now = first, isTold = false; ; now = await preparedNow(sql)) {
    const [open] = [...first.keys()].filter((transaction) => now.has(transaction));
    if (open === undefined) return;
    const gid = first.get(open);
    if (!isTold) logger.info({ gid }, 'tables are read once the transactions that are prepared have ended');
    isTold = true;
    if (clock.monotonicMs() > endsAtMs) {
      const message = `the prepared transaction ${JSON.stringify(gid)} has been open for longer than a minute`;
      const fix = 'Execute COMMIT PREPARED or ROLLBACK PREPARED with its name; it is tried again by itself.';
      throw postgresErrors.error('open-transaction', { message, fix });
    }
    await clock.sleep(pauseMs);
  }
}

/** Names by transaction. */
async function preparedNow(sql: CatalogPort): Promise<Map<string, string>> {
  const rows = await sql.query(
    'SELECT transaction, gid FROM pg_catalog.pg_prepared_xacts WHERE database = pg_catalog.current_database()',
  );
  return new Map(rows.map((row) => [textOf(row, 'transaction'), textOf(row, 'gid')]));
}
