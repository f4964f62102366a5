/** The tables a publication must name: captured ones, and the one whose rows are signals. Pure. */

import { type CatalogTable, tablesToPublish } from '../catalog/captured-tables.ts';
import { type SignalSettings, signalTableOf, type TableFilter } from '../catalog/table-filter.ts';

/** Of `all` tables of the database. The signals come with the stream, whether or not their table is captured. */
export function toPublish(
  all: readonly CatalogTable[],
  filter: TableFilter,
  settings: SignalSettings,
): readonly CatalogTable[] {
  const captured = all.filter(({ schema, table }) => filter.isCaptured(schema, table));
  const signals = signalTableOf(settings);
  const uncaptured = all.filter((each) => nameOf(each) === signals && !captured.includes(each));
  return [...tablesToPublish(captured), ...uncaptured];
}

function nameOf({ schema, table }: CatalogTable): string {
  return `${schema}.${table}`;
}
