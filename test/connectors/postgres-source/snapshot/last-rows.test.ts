/** Whatever tables, parts and connections there are: each row once, one of each table as its last, one of all as the last. */

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { LastRows, type RowPlace } from '../../../../connectors/postgres-source/snapshot/last-rows.ts';

interface Row {
  readonly tableOid: number;
  readonly part: string;
  readonly index: number;
}

/** Counts of rows, by table and part; read by so many connections, whose turns `order` gives. */
function placedRows(tables: readonly (readonly number[])[], laneCount: number, order: readonly number[]) {
  const parts = tables.flatMap((sizes, tableOid) => sizes.map((size, part) => ({ tableOid, part: `${part}`, size })));
  const left = tables.map((sizes) => sizes.length);
  const lastRows = new LastRows<Row>((oid) => left[oid] === 0);
  const given: { readonly row: Row; readonly place: RowPlace }[] = [];
  const take = () => {
    for (let placed = lastRows.next(); placed !== undefined; placed = lastRows.next()) given.push(placed);
  };
  const lanes = Array.from({ length: laneCount }, () => ({ current: parts.shift(), index: 0 }));
  for (let turn = 0; lanes.some(({ current }) => current !== undefined); turn += 1) {
    const lane = lanes[(order[turn % order.length] ?? 0) % laneCount] ?? lanes[0]!;
    const busy = lane.current === undefined ? lanes.find(({ current }) => current !== undefined)! : lane;
    const { tableOid, part, size } = busy.current!;
    if (busy.index === size) {
      left[tableOid]! -= 1;
      busy.current = parts.shift();
      busy.index = 0;
      continue;
    }
    const row = { tableOid, part, index: busy.index };
    busy.index += 1;
    lastRows.add(row, busy.index === size);
    take();
  }
  lastRows.end();
  take();
  expect(lastRows.isEmpty).toBe(true);
  return given;
}

test('places are right', () => {
  const tables = fc.array(fc.array(fc.nat(4), { minLength: 1, maxLength: 4 }), { minLength: 1, maxLength: 5 });
  const order = fc.array(fc.nat(7), { minLength: 1, maxLength: 40 });
  fc.assert(
    fc.property(tables, fc.integer({ min: 1, max: 4 }), order, (sizes, laneCount, turns) => {
      const given = placedRows(sizes, laneCount, turns);
      for (const [tableOid, parts] of sizes.entries()) {
        const own = given.filter(({ row }) => row.tableOid === tableOid);
        for (const [part, size] of parts.entries()) {
          const indexes = own.filter(({ row }) => row.part === `${part}`).map(({ row }) => row.index);
          expect(indexes).toEqual(Array.from({ length: size }, (_, index) => index));
        }
        const places = own.map(({ place }) => place);
        expect(places.slice(0, -1).every((place) => place === 'within')).toBe(true);
        if (places.length > 0) expect(places.at(-1)).not.toBe('within');
      }
      const lasts = given.map(({ place }) => place === 'last');
      expect(lasts.filter(Boolean).length).toBe(given.length === 0 ? 0 : 1);
      if (given.length > 0) expect(lasts.at(-1)).toBe(true);
    }),
    { numRuns: 2_000 },
  );
});

test('what is held of a table that is read anew is a row like others', () => {
  const lastRows = new LastRows<Row>(() => false);
  const [one, two] = [1, 2].map((tableOid) => ({ tableOid, part: '0', index: 0 }));
  for (const row of [one!, two!]) lastRows.add(row, true);
  lastRows.giveUp(({ tableOid }) => tableOid === 2);
  expect([lastRows.next(), lastRows.next()]).toEqual([{ row: two, place: 'within' }, undefined]);
  expect([...lastRows.held]).toEqual([one]);
});
