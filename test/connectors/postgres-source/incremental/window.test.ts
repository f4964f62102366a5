/** The window: whatever writers do, and wherever a chunk is read, comes and is given out, changes and rows fold to the table. */

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  haveSameColumns,
  type RowOperation,
  Window,
} from '../../../../connectors/postgres-source/incremental/window.ts';
import { type TableShape, type Tuple, valueKinds } from '../../../../connectors/postgres-source/row.ts';
import type { Fence } from '../../../../connectors/postgres-source/snapshot/fence.ts';
import { shape, tuple, unchanged } from '../tuples.ts';

const table = shape({ 'id*': 23, n: 23, t: 25 });
const full = shape({ id: 23, n: 23, t: 25 }, 'full');

interface Change {
  readonly op: RowOperation;
  readonly before: Tuple | null;
  readonly after: Tuple | null;
}

interface Transaction {
  readonly id: number;
  readonly changes: readonly Change[];
  /** Of the table behind it. */
  readonly rows: ReadonlyMap<string, Row>;
}

interface Row {
  readonly n: string;
  readonly t: string;
}

const wish = fc.record({
  kind: fc.constantFrom('put', 'touch', 'rewrite', 'move', 'delete', 'truncate'),
  key: fc.integer({ min: 1, max: 6 }),
  to: fc.integer({ min: 1, max: 6 }),
});

const history = fc
  .array(fc.array(wish, { minLength: 1, maxLength: 4 }), { minLength: 1, maxLength: 12 })
  .chain((wishes) =>
    fc.record({
      wishes: fc.constant(wishes),
      ids: fc.shuffledSubarray(
        wishes.map((_, i) => i + 1000),
        { minLength: wishes.length },
      ),
    }),
  );

/** What the stream tells of transactions in the order of their commits; their ids have any order. */
function play(
  wishes: readonly (readonly { kind: string; key: number; to: number }[])[],
  ids: readonly number[],
  isFull: boolean,
): Transaction[] {
  let rows = new Map<string, Row>();
  let value = 0;
  return wishes.map((list, at) => {
    const changes: Change[] = [];
    rows = new Map(rows);
    for (const { kind, key: from, to } of list) {
      const [key, target] = [String(from), String(to)];
      const row = rows.get(key);
      value += 1;
      const oldOf = (id: string, old: Row) => (isFull ? tuple(id, old.n, old.t) : tuple(id, null, null));
      if (kind === 'truncate' && value % 5 === 0) {
        rows.clear();
        changes.push({ op: 't', before: null, after: null });
      } else if (row === undefined && kind !== 'delete' && kind !== 'truncate') {
        rows.set(key, { n: `${value}`, t: `t${value}` });
        changes.push({ op: 'c', before: null, after: tuple(key, `${value}`, `t${value}`) });
      } else if (row !== undefined && kind === 'delete') {
        rows.delete(key);
        changes.push({ op: 'd', before: oldOf(key, row), after: null });
      } else if (row !== undefined && kind === 'move' && !rows.has(target)) {
        rows.delete(key);
        const t = value % 2 === 0 ? `t${value}` : row.t;
        rows.set(target, { n: `${value}`, t });
        const after = tuple(target, `${value}`, value % 2 === 0 ? t : unchanged);
        changes.push({ op: 'u', before: oldOf(key, row), after });
      } else if (row !== undefined && (kind === 'touch' || kind === 'rewrite' || kind === 'put')) {
        const t = kind === 'rewrite' ? `t${value}` : row.t;
        rows.set(key, { n: `${value}`, t });
        const before = isFull ? oldOf(key, row) : null;
        changes.push({ op: 'u', before, after: tuple(key, `${value}`, kind === 'rewrite' ? t : unchanged) });
      }
    }
    return { id: ids[at]!, changes, rows };
  });
}

/** Of a read that has seen the first `count`. */
function fenceOf(transactions: readonly Transaction[], count: number): Fence {
  const seen = new Set(transactions.slice(0, count).map(({ id }) => id));
  const xmax = Math.max(999, ...seen) + 1;
  const running = transactions.map(({ id }) => id).filter((id) => id < xmax && !seen.has(id));
  return {
    xmin: BigInt(Math.min(xmax, ...running)),
    xmax: BigInt(xmax),
    running: new Set(running.map(BigInt)),
    endLsn: 0n,
  };
}

/** What has come to a reader, who keeps a value that is not told. */
class Reader {
  readonly rows = new Map<string, Row>();

  take(op: RowOperation | 'r', before: Tuple | null, after: Tuple | null): void {
    const id = (row: Tuple | null) => (row === null ? undefined : text(row, 0));
    if (op === 't') this.rows.clear();
    const old = id(before) ?? id(after);
    const kept = old === undefined ? undefined : this.rows.get(old);
    if (before !== null) this.rows.delete(id(before)!);
    if (after === null) return;
    const t = after.kinds[2] === valueKinds.unchanged ? (kept?.t ?? 'missing') : text(after, 2);
    this.rows.set(id(after)!, { n: text(after, 1), t });
  }
}

function text(row: Tuple, position: number): string {
  return row.bytes.toString('utf8', row.starts[position], row.ends[position]);
}

describe('a window', () => {
  const moments = fc.record({ begins: fc.nat(), sees: fc.nat(), comes: fc.nat(), goes: fc.nat() });

  test.each([
    ['the key', false, table],
    ['whole rows', true, full],
  ] as const)('folds to the table where old tuples have %s', (_, isFull, given: TableShape) => {
    const property = fc.property(history, moments, ({ wishes, ids }, { begins, sees, comes, goes }) => {
      const transactions = play(wishes, ids, isFull);
      const last = transactions.length;
      const reader = new Reader();
      let told = 0;
      let window: Window | undefined;
      const given_: string[] = [];
      const give = (row: Tuple) => {
        given_.push(text(row, 0));
        reader.take('r', null, row);
      };
      const tellTo = (end: number) => {
        for (; told < end; told += 1) {
          const { id, changes } = transactions[told]!;
          for (const { op, before, after } of changes) {
            const row = window?.change(op, given, before, after, id) ?? null;
            if (row !== null) give(row);
            reader.take(op, before, after);
          }
        }
      };
      const attempt = (see: number, come: number, go: number) => {
        window = new Window(given.tableOid, ['id']);
        given_.length = 0;
        tellTo(come);
        const rows = [...(transactions[see - 1]?.rows ?? new Map<string, Row>())];
        const held = rows.map(([id, { n, t }]) => tuple(id, n, t));
        window.hold({ shape: given, rows: held, fence: fenceOf(transactions, see) });
        tellTo(go);
        if (window.isStale) return false;
        for (let row = window.take(); row !== null; row = window.take()) give(row);
        expect(new Set(given_).size).toBe(given_.length);
        window = undefined;
        return true;
      };
      const begin = begins % (last + 1);
      const see = begin + (sees % (last + 1 - begin));
      const come = begin + (comes % (last + 1 - begin));
      const go = Math.max(see, come) + (goes % (last + 1 - Math.max(see, come)));
      // Of what came before the reader knows nothing.
      told = begin;
      // Again, while nothing is told between the moment and the chunk.
      if (!attempt(see, come, go)) expect(attempt(last, told, last)).toBe(true);
      tellTo(last);
      expect(reader.rows).toEqual(new Map(transactions.at(-1)!.rows));
    });
    fc.assert(property, { numRuns: 3000 });
  });

  test('whose chunk comes before anything is told needs no second try', () => {
    const window = new Window(table.tableOid, ['id']);
    window.hold({ shape: table, rows: [tuple('1', '1', 'a'), tuple('2', '2', 'b')], fence: fenceOf([], 0) });
    expect(window.change('u', table, null, tuple('1', '9', unchanged), 1001)).toMatchObject({ columnCount: 3 });
    expect(window.change('u', table, null, tuple('1', '10', unchanged), 1001)).toBeNull();
    expect(window.isStale).toBe(false);
    expect(text(window.take()!, 0)).toBe('2');
    expect(window.take()).toBeNull();
  });

  test('is stale when the table has other columns in a transaction that was not seen', () => {
    const other = shape({ 'id*': 23, n: 23, t: 25, c: 23 });
    expect(haveSameColumns(table, other)).toBe(false);
    for (const isEarly of [true, false]) {
      const window = new Window(table.tableOid, ['id']);
      const change = () => window.change('c', other, null, tuple('5', '1', 'a', '7'), 1001);
      if (isEarly) change();
      window.hold({ shape: table, rows: [tuple('1', '1', 'a')], fence: fenceOf([], 0) });
      if (!isEarly) change();
      expect(window.isStale).toBe(true);
    }
  });

  test('takes no more than so many changes before its chunk', () => {
    const window = new Window(table.tableOid, ['id']);
    for (let i = 0; i <= 65_536; i += 1) window.change('c', table, null, tuple(`${i}`, '1', 'a'), 1001);
    expect(window.isStale).toBe(true);
  });
});
