/** Looks at a database as the connector would find it, and changes nothing. */

import type { Finding } from '../../contract/finding.ts';
import { catalogTables } from '../catalog/captured-tables.ts';
import { tableKeys } from '../catalog/key-facts.ts';
import { publication } from '../catalog/publications.ts';
import { serverFacts } from '../catalog/server-facts.ts';
import { sqlOver } from '../catalog/sql.ts';
import { signalTableOf, tableFilter } from '../catalog/table-filter.ts';
import { keyRule, noKeyRule } from '../columns/key-columns.ts';
import { definition } from '../config.ts';
import type { Operation } from '../envelope/change.ts';
import { toPublish } from '../publication/to-publish.ts';
import { connectOptions } from '../session.ts';
import { readSlot } from '../slot/slot-state.ts';
import { endSql, openSql } from '../wire/connect.ts';
import { findings } from './checks.ts';

/** Rejects with `postgres/…` when the database cannot even be asked. */
export async function examine(settings: Readonly<Record<string, string>>): Promise<Finding[]> {
  const config = definition.require(settings);
  const connect = await connectOptions(config, 'millrace doctor');
  const client = await openSql(connect);
  try {
    const sql = sqlOver(client, `${connect.host}:${connect.port}/${connect.database}`);
    const server = await serverFacts(sql);
    const all = await catalogTables(sql);
    const filter = tableFilter(config);
    const tables = all.filter(({ schema, table }) => filter.isCaptured(schema, table));
    const skipped = config['skipped.operations'].filter((each): each is Operation => each !== 'none');
    const keyColumns = config['message.key.columns'];
    return findings({
      server,
      database: connect.database,
      tables,
      publication: await publication(sql, config['publication.name'], server.version),
      slot: await readSlot(sql, config['slot.name']),
      slotName: config['slot.name'],
      keys: await tableKeys(
        sql,
        tables.map(({ oid }) => oid),
      ),
      keyRule: keyColumns === undefined ? noKeyRule : keyRule(keyColumns),
      signalTable: signalTableOf(config),
      isSignalTableThere: all.some(({ schema, table }) => `${schema}.${table}` === signalTableOf(config)),
      wish: {
        name: config['publication.name'],
        mode: server.isStandby ? 'disabled' : config['publication.autocreate.mode'],
        tables: toPublish(all, filter, config),
        skippedOperations: new Set(skipped),
        viaPartitionRoot: config['publish.via.partition.root'],
      },
    });
  } finally {
    await endSql(client);
  }
}
