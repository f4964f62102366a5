/** The tables of the database as capturing sees them: what they are, how large, and what the role may do with them. */

import { type ReplicaIdentity, replicaIdentities } from '../row.ts';
import { type CatalogPort, type CatalogRow, isTrue, textOf } from './port.ts';

export interface CatalogTable {
  readonly oid: number;
  readonly schema: string;
  readonly table: string;
  readonly isPartitioned: boolean;
  readonly isPartition: boolean;
  /** The topmost partitioned table above it; its own for any other table. */
  readonly rootOid: number;
  readonly identity: ReplicaIdentity;
  /** The name of the index that is its identity. */
  readonly identityIndex: string | null;
  readonly hasPrimaryKey: boolean;
  /** The server's estimate; -1 where it has none yet. */
  readonly estimatedRows: number;
  /** Row level security may hide rows from this role. */
  readonly hidesRows: boolean;
  readonly canSelect: boolean;
  /** The role is its owner, directly or through a role it is a member of. */
  readonly isOwned: boolean;
}

/** All but those of the system, temporary and unlogged ones, which no publication can have. In the order of their names. */
export async function catalogTables(sql: CatalogPort): Promise<CatalogTable[]> {
  const rows = await sql.query(
    `SELECT c.oid, n.nspname AS schema, c.relname AS name, c.relkind AS kind, c.relispartition AS is_partition,
        pg_catalog.pg_partition_root(c.oid)::oid AS root, c.relreplident AS identity, c.reltuples AS rows,
        (SELECT x.relname FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class x ON x.oid = i.indexrelid
          WHERE i.indrelid = c.oid AND i.indisreplident) AS identity_index,
        EXISTS (SELECT FROM pg_catalog.pg_index i WHERE i.indrelid = c.oid AND i.indisprimary) AS has_key,
        pg_catalog.row_security_active(c.oid) AS hides_rows,
        pg_catalog.has_schema_privilege(n.oid, 'USAGE')
          AND (pg_catalog.has_table_privilege(c.oid, 'SELECT')
            OR pg_catalog.has_any_column_privilege(c.oid, 'SELECT')) AS can_select,
        pg_catalog.pg_has_role(c.relowner, 'USAGE') AS is_owned
      FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
      WHERE c.relkind IN ('r', 'p') AND c.relpersistence = 'p'
        AND n.nspname <> 'information_schema' AND n.nspname !~ '^pg_'
      ORDER BY n.nspname COLLATE "C", c.relname COLLATE "C"`,
  );
  return rows.map(tableOf);
}

function tableOf(row: CatalogRow): CatalogTable {
  const oid = Number(row['oid']);
  return {
    oid,
    schema: textOf(row, 'schema'),
    table: textOf(row, 'name'),
    isPartitioned: row['kind'] === 'p',
    isPartition: isTrue(row, 'is_partition'),
    rootOid: row['root'] === null ? oid : Number(row['root']),
    identity: replicaIdentities[textOf(row, 'identity')] ?? 'default',
    identityIndex: row['identity_index'] ?? null,
    hasPrimaryKey: isTrue(row, 'has_key'),
    estimatedRows: Number(row['rows']),
    hidesRows: isTrue(row, 'hides_rows'),
    canSelect: isTrue(row, 'can_select'),
    isOwned: isTrue(row, 'is_owned'),
  };
}

/**
 * Those a publication must name for `wanted` to be published: a partition comes with the partitioned table above it,
 * under whose name its changes come where they are published that way.
 */
export function tablesToPublish(wanted: readonly CatalogTable[]): CatalogTable[] {
  const oids = new Set(wanted.map(({ oid }) => oid));
  return wanted.filter(({ oid, rootOid }) => rootOid === oid || !oids.has(rootOid));
}
