/** Takes away what a connector that was stopped or deleted left on the server: its slot, and the publication it made. */

import type { Departure } from '../contract/source.ts';
import { quoteLiteral, quoteName } from './catalog/names.ts';
import type { CatalogPort } from './catalog/port.ts';
import { sqlOver } from './catalog/sql.ts';
import { definition, type PostgresSourceConfig } from './config.ts';
import { postgresErrors } from './error-codes.ts';
import { publicationMaker } from './publication/maker.ts';
import { connectOptions } from './session.ts';
import { foreignSlot, readSlot } from './slot/slot-state.ts';
import { freeSlot } from './slot/take-slot.ts';
import { endSql, openSql } from './wire/connect.ts';

const applicationName = 'millrace clean-up';
/** The server may take a moment to notice that the task is gone. */
const [tries, delayMs] = [20, 500];

/** Does nothing unless the settings ask for it. Rejects with `postgres/left-behind`, which has the statements that do it. */
export async function cleanUp(departure: Departure): Promise<void> {
  const config = definition.require(departure.settings);
  const isForGood = departure.why === 'deleted' && config['slot.drop.on.delete'];
  if (!isForGood && !config['slot.drop.on.stop']) return;
  const connect = await connectOptions(config, applicationName);
  const where = `${connect.host}:${connect.port}/${connect.database}`;
  try {
    const client = await openSql(connect);
    try {
      const sql = sqlOver(client, where);
      await dropSlot(sql, connect.database, config['slot.name'], departure);
      if (isForGood) await dropPublication(sql, config, departure);
    } finally {
      await endSql(client);
    }
  } catch (error) {
    const statements = [`SELECT pg_drop_replication_slot(${quoteLiteral(config['slot.name'])})`];
    if (isForGood) statements.push(`DROP PUBLICATION ${quoteName(config['publication.name'])}`);
    const reason = error instanceof Error ? error.message : String(error);
    const message = `the slot ${config['slot.name']} may still be there, and keeps the server from removing its log: ${reason}`;
    const fix = `Where they are not needed any more, execute there: ${statements.join('; ')}.`;
    throw postgresErrors.error('left-behind', { message, where, fix, cause: error });
  }
}

async function dropSlot(sql: CatalogPort, database: string, slotName: string, departure: Departure): Promise<void> {
  const { clock, logger } = departure;
  const slot = await readSlot(sql, slotName);
  if (slot === undefined) return;
  const foreign = foreignSlot(slot, database);
  if (foreign !== undefined) throw foreign;
  const longest = AbortSignal.timeout(2 * tries * delayMs);
  await freeSlot({ sql, clock, logger, slotName, applicationName, tries, delayMs }, longest);
  await sql.query('SELECT pg_catalog.pg_drop_replication_slot($1)', [slotName]);
  logger.info({ slot: slotName }, 'the replication slot was removed');
}

/** Only one that this connector has made, and that nobody else can be reading. */
async function dropPublication(sql: CatalogPort, config: PostgresSourceConfig, { logger }: Departure): Promise<void> {
  const name = config['publication.name'];
  const maker = await publicationMaker(sql, name);
  const [others] = await sql.query(
    `SELECT string_agg(slot_name, ', ') AS names FROM pg_catalog.pg_replication_slots
      WHERE plugin = 'pgoutput' AND database = pg_catalog.current_database()`,
  );
  const slots = others?.['names'] ?? null;
  if (maker !== config.name || slots !== null) {
    const reason = maker === config.name ? `other slots may read it: ${slots}` : 'the connector has not made it';
    if (maker !== undefined) logger.info({ publication: name, reason }, 'the publication stays');
    return;
  }
  const statement = `DROP PUBLICATION IF EXISTS ${quoteName(name)}`;
  await sql.query(statement);
  logger.info({ publication: name }, 'the publication was removed');
}
