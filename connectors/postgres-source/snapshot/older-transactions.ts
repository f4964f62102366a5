/** Waits for transactions that were open before a table was published: what they wrote earlier may never be in the stream. */

import type { Clock } from '../../../core/base/clock.ts';
import type { Logger } from '../../../core/base/logger.ts';
import { type CatalogPort, textOf } from '../catalog/port.ts';
import { postgresErrors } from '../error-codes.ts';

const pauseMs = 100;
/** As long as making a slot waits for them. */
const longestMs = 60_000;

/** Resolves once everything that is open now has ended. Rejects with `postgres/open-transaction` after a minute. */
export async function olderTransactionsEnded(
  sql: CatalogPort,
  { clock, logger }: { readonly clock: Clock; readonly logger: Logger },
): Promise<void> {
  const [first = {}] = await sql.query(
    'SELECT pg_catalog.pg_snapshot_xmax(pg_catalog.pg_current_snapshot())::text AS next',
  );
  const next = BigInt(textOf(first, 'next'));
  const endsAtMs = clock.monotonicMs() + longestMs;
  for (let isTold = false; ; ) {
    const [row = {}] = await sql.query(
      `SELECT pg_catalog.pg_snapshot_xmin(pg_catalog.pg_current_snapshot())::text AS oldest,
        (SELECT a.pid FROM pg_catalog.pg_stat_activity a WHERE a.backend_xid IS NOT NULL
          ORDER BY a.xact_start LIMIT 1) AS pid`,
    );
    if (BigInt(textOf(row, 'oldest')) >= next) return;
    const pid = row['pid'] ?? 'unknown';
    if (!isTold) logger.info({ pid }, 'new tables are read once the transactions that are open have ended');
    isTold = true;
    if (clock.monotonicMs() > endsAtMs) {
      const message = `the transaction of the process ${pid} has been open for longer than a minute`;
      throw postgresErrors.error('open-transaction', { message });
    }
    await clock.sleep(pauseMs);
  }
}
