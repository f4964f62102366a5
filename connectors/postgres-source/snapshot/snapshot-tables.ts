/** The tables of a snapshot in the order in which they are begun: which is next, how far they are, what is stored of them. */

import type { SourceOffset } from '../../contract/record.ts';
import type { SnapshotSource } from './sources.ts';
import { TableRead } from './table-read.ts';

export interface TableOffset {
  /** `schema.table` of where the rows lie. */
  readonly table: string;
  readonly offset: SourceOffset;
}

export class SnapshotTables {
  #tables: readonly TableRead[] = [];
  /** By the object id that their changes report. */
  #groups = new Map<number, TableRead[]>();

  /** For a new moment: tables that are read stay, the others go on from what is stored of them. */
  begin(sources: readonly SnapshotSource[], stored: ReadonlyMap<string, SourceOffset>, chunkBlocks: number): void {
    const known = new Map(this.#tables.map((table) => [table.name, table]));
    this.#tables = sources.map((source) => {
      const name = `${source.stored.schema}.${source.stored.table}`;
      const earlier = known.get(name);
      if (earlier?.isRead) return earlier;
      const table = new TableRead({ source, stored: stored.get(name), chunkBlocks });
      table.hasGivenRows ||= earlier?.hasGivenRows === true;
      return table;
    });
    this.#groups = Map.groupBy(this.#tables, ({ source }) => source.reported.oid);
  }

  /** The next one with something to read. One that nobody has looked at is one connection's until its parts are known. */
  choose(): TableRead | undefined {
    const table = this.#tables.find((each) => each.state === 'new' || (each.state === 'reading' && each.hasParts));
    if (table?.state === 'new') table.state = 'opening';
    return table;
  }

  /** Everything is read and given out. */
  get areDone(): boolean {
    return this.#tables.every(({ state }) => state === 'done');
  }

  /** Everything is read. */
  get areRead(): boolean {
    return this.#tables.every(({ isRead }) => isRead);
  }

  /** Everything whose changes come under the object id is read. */
  isRead(tableOid: number): boolean {
    return this.#groups.get(tableOid)?.every(({ isRead }) => isRead) === true;
  }

  /** Some part was not taken yet. */
  get haveParts(): boolean {
    return this.#tables.some(({ state, hasParts }) => state === 'new' || hasParts);
  }

  /** Some must be read from their beginning, at another moment. */
  get areToBeReadAgain(): boolean {
    return this.#tables.some(({ state }) => state === 'again');
  }

  /** By name: what a later moment goes on from. */
  get offsets(): Map<string, SourceOffset> {
    const reading = this.#tables.filter(({ state }) => state === 'reading');
    return new Map(reading.map(({ name, offset }) => [name, offset]));
  }

  /** What has changed since the last call, for the rows given out so far. */
  takeOffsets(): TableOffset[] {
    return this.#tables.flatMap((table) => {
      const offset = table.takeOffset();
      return offset === undefined ? [] : [{ table: table.name, offset }];
    });
  }

  /** How far it is: tables, and the share of the bytes of those that were looked at. */
  get progress(): { readonly tables: number; readonly tablesDone: number; readonly share: number } {
    const blocks = this.#tables.reduce((sum, table) => sum + table.blocks, 0);
    const read = this.#tables.reduce((sum, table) => sum + table.blocks * table.share, 0);
    const tablesDone = this.#tables.filter(({ state }) => state === 'done').length;
    return { tables: this.#tables.length, tablesDone, share: blocks === 0 ? 1 : read / blocks };
  }
}
