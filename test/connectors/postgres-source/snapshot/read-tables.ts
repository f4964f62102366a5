/** Reads tables of a test server for a snapshot, as the task of the connector does. */

import type { SourceOffset } from '../../../../connectors/contract/record.ts';
import { catalogTables } from '../../../../connectors/postgres-source/catalog/captured-tables.ts';
import { tableShape } from '../../../../connectors/postgres-source/catalog/shapes.ts';
import { type Tuple, valueKinds } from '../../../../connectors/postgres-source/row.ts';
import {
  type SnapshotOptions,
  SnapshotReader,
} from '../../../../connectors/postgres-source/snapshot/snapshot-reader.ts';
import { snapshotSources } from '../../../../connectors/postgres-source/snapshot/sources.ts';
import { systemClock } from '../../../../core/base/clock.ts';
import type { PostgresServer } from '../../../kits/postgres-server.ts';

export interface Reading extends Partial<SnapshotOptions> {
  readonly tables: readonly string[];
  readonly viaPartitionRoot?: boolean;
}

export function openReader(
  server: PostgresServer,
  { tables, viaPartitionRoot = false, ...more }: Reading,
): Promise<SnapshotReader> {
  return SnapshotReader.open({
    connect: () => server.connect(),
    sources: async () => {
      const isWanted = (_schema: string, table: string) => tables.includes(table);
      return snapshotSources(await catalogTables(server), isWanted, { viaPartitionRoot, order: 'disabled' });
    },
    plan: async ({ reported }) => {
      const shape = await tableShape(server, reported, { columns: null, withGenerated: false });
      return shape && { shape, rowFilter: null, override: undefined };
    },
    clock: systemClock,
    longestMomentMs: 3_600_000,
    stored: new Map(),
    slotSnapshot: undefined,
    laneCount: 1,
    chunkBytes: 2 ** 16,
    blockBytes: 8192,
    keepsParts: false,
    ...more,
  });
}

/** `table(value,value)` for each row. */
export type Rows = string[];

export interface Taken {
  readonly rows: Rows;
  readonly offsets: Map<string, SourceOffset>;
}

/** Until it is done, or `stop` says so after some rows; calls `between` before each wait. */
export async function takeRows(
  reader: SnapshotReader,
  taken: Taken = { rows: [], offsets: new Map() },
  {
    stop = () => false,
    between = () => Promise.resolve(),
  }: { stop?: () => boolean; between?: () => Promise<void> } = {},
): Promise<Taken> {
  const { signal } = new AbortController();
  for (;;) {
    for (let row = reader.next(); row !== null; row = reader.next()) {
      taken.rows.push(`${reader.shape.table}(${valuesOf(row).join()})`);
      if (stop()) break;
    }
    for (const { table, offset } of reader.takeOffsets()) taken.offsets.set(table, offset);
    if (reader.isDone || stop()) return taken;
    await between();
    await reader.arrival(signal);
  }
}

function valuesOf(tuple: Tuple): string[] {
  return Array.from({ length: tuple.columnCount }, (_, i) => {
    return tuple.kinds[i] === valueKinds.null ? 'NULL' : tuple.bytes.toString('utf8', tuple.starts[i], tuple.ends[i]);
  });
}
