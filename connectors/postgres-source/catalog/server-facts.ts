/** What the server and the role are: asked once after connecting, and by the doctor. */

import { type CatalogPort, isTrue, textOf } from './port.ts';

export interface ServerFacts {
  /** As the server counts: 150018 is 15.18. */
  readonly version: number;
  /** As it calls itself, such as `15.18 (Debian 15.18-1)`. */
  readonly versionText: string;
  readonly walLevel: string;
  /** Of the database. */
  readonly encoding: string;
  /** Milliseconds; 0 for none. */
  readonly walSenderTimeoutMs: number;
  readonly synchronousCommit: string;
  /** Bytes; -1 for no limit. */
  readonly maxSlotWalKeepBytes: number;
  /** Seconds after which an idle slot is given up; 0 for never. */
  readonly idleSlotTimeoutS: number;
  readonly maxReplicationSlots: number;
  readonly usedReplicationSlots: number;
  readonly maxWalSenders: number;
  readonly usedWalSenders: number;
  readonly blockBytes: number;
  /** A standby that replays the log of another server. */
  readonly isStandby: boolean;
  readonly role: RoleFacts;
}

interface RoleFacts {
  readonly name: string;
  readonly isSuperuser: boolean;
  readonly canReplicate: boolean;
  readonly bypassesRowSecurity: boolean;
  /** CREATE on the database: needed for publications. */
  readonly canCreate: boolean;
}

/** Settings of older servers that have not got them are null. */
export async function serverFacts(sql: CatalogPort): Promise<ServerFacts> {
  const [row = {}] = await sql.query(
    `SELECT current_setting('server_version_num') AS version, current_setting('server_version') AS version_text,
        current_setting('server_encoding') AS encoding, current_setting('wal_level') AS wal_level, current_setting('synchronous_commit') AS synchronous_commit,
        current_setting('block_size') AS block_size, pg_catalog.pg_is_in_recovery() AS is_standby,
        current_setting('max_replication_slots') AS max_slots, current_setting('max_wal_senders') AS max_senders,
        (SELECT count(*) FROM pg_catalog.pg_replication_slots) AS used_slots,
        (SELECT count(*) FROM pg_catalog.pg_stat_replication) AS used_senders,
        (SELECT setting FROM pg_catalog.pg_settings WHERE name = 'wal_sender_timeout') AS sender_timeout_ms,
        (SELECT setting FROM pg_catalog.pg_settings WHERE name = 'max_slot_wal_keep_size') AS keep_mib,
        (SELECT setting FROM pg_catalog.pg_settings WHERE name = 'idle_replication_slot_timeout') AS idle_s,
        current_user AS role, r.rolsuper AS is_super, r.rolreplication AS can_replicate, r.rolbypassrls AS bypasses,
        pg_catalog.has_database_privilege(current_database(), 'CREATE') AS can_create
      FROM pg_catalog.pg_roles r WHERE r.rolname = current_user`,
  );
  const keepMib = Number(row['keep_mib'] ?? -1);
  const isSuperuser = isTrue(row, 'is_super');
  return {
    version: Number(row['version']),
    versionText: textOf(row, 'version_text'),
    walLevel: textOf(row, 'wal_level'),
    encoding: textOf(row, 'encoding'),
    walSenderTimeoutMs: Number(row['sender_timeout_ms']),
    synchronousCommit: textOf(row, 'synchronous_commit'),
    maxSlotWalKeepBytes: keepMib < 0 ? -1 : keepMib * 2 ** 20,
    idleSlotTimeoutS: Number(row['idle_s'] ?? 0),
    maxReplicationSlots: Number(row['max_slots']),
    usedReplicationSlots: Number(row['used_slots']),
    maxWalSenders: Number(row['max_senders']),
    usedWalSenders: Number(row['used_senders']),
    blockBytes: Number(row['block_size']),
    isStandby: isTrue(row, 'is_standby'),
    role: {
      name: textOf(row, 'role'),
      isSuperuser,
      canReplicate: isSuperuser || isTrue(row, 'can_replicate'),
      bypassesRowSecurity: isSuperuser || isTrue(row, 'bypasses'),
      canCreate: isTrue(row, 'can_create'),
    },
  };
}
