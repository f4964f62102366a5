/** Signals as Debezium writes them, and what is said of others. */

import { expect, test } from 'vitest';
import { readSignal } from '../../../../connectors/postgres-source/incremental/signals.ts';

const signal = (type: string, data: object | string | null = null) =>
  readSignal({ id: 'a', type, data: data === null || typeof data === 'string' ? data : JSON.stringify(data) });

test('those of Debezium’s documentation are understood', () => {
  const execute = signal('execute-snapshot', {
    'data-collections': ['schema1\\.table.*'],
    type: 'INCREMENTAL',
    'additional-conditions': [{ 'data-collection': 'schema1.table1', filter: "color='blue'" }],
    'surrogate-key': 'updated_at',
  });
  expect(execute).toMatchObject({
    kind: 'execute',
    id: 'a',
    surrogateKey: 'updated_at',
    filtersAreStatements: false,
    conditions: [{ filter: "color='blue'" }],
  });
  const tables = (execute as { tables: readonly RegExp[] }).tables;
  expect(
    ['schema1.table9', 'SCHEMA1.TABLE', 'schema1xtable', 'aschema1.table'].map((each) => tables[0]?.test(each)),
  ).toEqual([true, true, false, false]);
  expect(signal('execute-snapshot', { 'data-collections': ['a.b'], type: 'blocking' })).toMatchObject({
    filtersAreStatements: true,
    surrogateKey: null,
  });
  expect(signal('execute-snapshot', { 'data-collections': ['a.b'], 'additional-condition': 'x > 1' })).toMatchObject({
    conditions: [{ filter: 'x > 1' }],
  });
  expect(signal('stop-snapshot', { 'data-collections': ['a.b'], type: 'INCREMENTAL' })).toMatchObject({ kind: 'stop' });
  expect(signal('stop-snapshot')).toEqual({ kind: 'stop', tables: null });
  expect(signal('pause-snapshot', { type: 'incremental' })).toEqual({ kind: 'pause' });
  expect(signal(' Resume-Snapshot ', '')).toEqual({ kind: 'resume' });
  expect(signal('log', { message: 'at {}' })).toEqual({ kind: 'log', message: 'at {}' });
  expect(signal('snapshot-window-open', '{}')).toEqual({ kind: 'watermark' });
});

test.each([
  ['other', {}, 'its type is none of'],
  ['execute-snapshot', '{', 'data is not JSON'],
  ['execute-snapshot', '[]', 'data is no JSON object'],
  ['execute-snapshot', {}, 'data-collections is no list of texts'],
  ['execute-snapshot', { 'data-collections': [] }, 'data-collections is no list of texts'],
  ['execute-snapshot', { 'data-collections': ['a.('] }, 'data-collections has a pattern'],
  ['execute-snapshot', { 'data-collections': ['a.b'], type: 'full' }, 'neither incremental nor blocking'],
  ['execute-snapshot', { 'data-collections': ['a.b'], 'surrogate-key': 1 }, 'surrogate-key is no text'],
  [
    'execute-snapshot',
    { 'data-collections': ['a.b'], 'additional-conditions': {} },
    'additional-conditions is no list',
  ],
  [
    'execute-snapshot',
    { 'data-collections': ['a.b'], 'additional-conditions': [{ filter: 'x' }] },
    'an additional condition is',
  ],
  [
    'execute-snapshot',
    { 'data-collections': ['a.b'], 'additional-condition': 'x'.repeat(10_001) },
    'a filter is longer than',
  ],
  ['stop-snapshot', { 'data-collections': 'a.b' }, 'data-collections is no list of texts'],
  ['log', {}, 'data has no text "message"'],
])('%s with %j is not', (type, data, complaint) => {
  expect(signal(type, data)).toEqual({ complaint: expect.stringContaining(complaint) });
});
