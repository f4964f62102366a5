/** What is stored of reads, and what a restart makes of it. */

import { expect, test } from 'vitest';
import {
  RequestedReads,
  type TableRequest,
} from '../../../../connectors/postgres-source/incremental/requested-reads.ts';
import { SourceStore } from '../../../kits/source-kit.ts';

const request = (table: string, more: Partial<TableRequest> = {}): TableRequest => ({
  schema: 'public',
  table,
  signalId: 's',
  condition: null,
  conditionIsStatement: false,
  surrogateKey: null,
  notBefore: null,
  estimatedRows: 100,
  ...more,
});

test('reads go on over a restart where they were, in their order', () => {
  const store = new SourceStore();
  const keep = (reads: RequestedReads) => store.take({ records: [], positions: reads.takePositions() } as never);
  const first = new RequestedReads('p', []);
  first.add(request('a', { condition: 'x > 1', surrogateKey: 'k', notBefore: 2n ** 40n }));
  first.add(request('b', { condition: 'SELECT 1', conditionIsStatement: true }));
  first.add(request('c'));
  first.advance(1, { lastKey: ['7', "it's"], maxKey: ['9', 'z'], rows: 40 });
  first.isPaused = true;
  keep(first);
  expect(first.takePositions()).toEqual([]);
  const again = () => new RequestedReads('p', JSON.parse(JSON.stringify(store.positions)));
  const second = again();
  expect(second.current).toEqual(first.current);
  expect(second.current).toMatchObject({ number: 1, notBefore: 2n ** 40n, lastKey: ['7', "it's"], rows: 40 });
  expect([second.isPaused, second.progress]).toEqual([true, { done: 0, left: 3, rowsLeft: 260 }]);
  expect(new RequestedReads('other', store.positions).current).toBeUndefined();
  second.isPaused = false;
  second.finish(1);
  second.finish(1);
  expect(second.remove((name) => name === 'public.c')).toEqual(['public.c']);
  second.add(request('d'));
  keep(second);
  const third = again();
  expect(third.isPaused).toBe(false);
  expect(third.current).toMatchObject({ table: 'b', conditionIsStatement: true, number: 2 });
  expect(second.progress).toMatchObject({ done: 1, left: 2 });
  third.finish(2);
  third.finish(4);
  // Neither comes back by what its chunk still had under way.
  third.advance(2, { lastKey: null, maxKey: null, rows: 1 });
  keep(third);
  expect(store.positions).toEqual([]);
});

test('an offset that somebody has made up is passed over', () => {
  const offset = { schema: 'public', table: 't', last_key: '["1"]', max_key: null, not_before: '7' };
  const currentOf = (change: object) =>
    new RequestedReads('p', [{ partition: { incremental: 'p', read: 3 }, offset: { ...offset, ...change } }]).current;
  expect(currentOf({})).toMatchObject({ number: 3, lastKey: ['1'], notBefore: 7n, rows: 0 });
  for (const change of [{ last_key: '[1]' }, { max_key: '{' }, { not_before: 'x' }, { table: 1 }]) {
    expect(currentOf(change)).toBeUndefined();
  }
});

test('there are only so many', () => {
  const reads = new RequestedReads('p', []);
  for (let i = 0; i < 10_000; i += 1) expect(reads.add(request('t'))).toBe(true);
  expect(reads.add(request('t'))).toBe(false);
});
