/** Where the last record of the server's log ends that was written before the question. */

import type { CatalogRow } from '../catalog/port.ts';

/** For a question that may ask more; of a row of its answer `endOfRecords` makes the position. */
export const endOfRecordsColumns = `CASE WHEN pg_catalog.pg_is_in_recovery() THEN pg_catalog.pg_last_wal_replay_lsn()
      ELSE pg_catalog.pg_current_wal_insert_lsn() END - '0/0'::pg_catalog.pg_lsn AS lsn,
    current_setting('wal_block_size') AS page,
    pg_catalog.pg_size_bytes(current_setting('wal_segment_size')) AS segment`;

export function endOfRecords(row: CatalogRow): bigint {
  return withoutPageHeader(BigInt(row['lsn'] ?? 0), BigInt(row['page'] ?? 8192), BigInt(row['segment'] ?? 2 ** 24));
}

/** PostgreSQL's `SizeOfXLogShortPHD` and `SizeOfXLogLongPHD`: no record begins or ends within. */
const shortHeaderBytes = 24n;
const longHeaderBytes = 40n;

/**
 * The next record begins behind the header of a page that has nothing else yet; a stream that has sent everything stays
 * before the header until something is written.
 */
export function withoutPageHeader(lsn: bigint, pageBytes: bigint, segmentBytes: bigint): bigint {
  const inPage = lsn % pageBytes;
  const page = lsn - inPage;
  const headerBytes = page % segmentBytes === 0n ? longHeaderBytes : shortHeaderBytes;
  return inPage === headerBytes ? page : lsn;
}
