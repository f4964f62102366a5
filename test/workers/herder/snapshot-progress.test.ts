/** How far a snapshot is, as the status of a connector says it. */

import { expect, test } from 'vitest';
import { renderStatus } from '../../../cli/status.ts';
import { snapshotProgress } from '../../../workers/herder/snapshot-progress.ts';

const task = (values: Record<string, number>) => ({ connector: 'c', index: 0, totals: {}, values });

test('it is told while tables are being read, and not before or after', () => {
  expect(snapshotProgress([])).toBeUndefined();
  expect(snapshotProgress([task({ next_count: 7 })])).toBeUndefined();
  expect(snapshotProgress([task({ snapshot_tables: 2, snapshot_tables_done: 2, snapshot_rows: 9 })])).toBeUndefined();
  const begun = snapshotProgress([task({ snapshot_tables: 2, snapshot_tables_done: 0 })]);
  expect(begun).toEqual({ tables: 2, tables_done: 0, rows: 0 });
  const under = { snapshot_tables: 3, snapshot_tables_done: 1, snapshot_rows: 50, snapshot_rows_estimated: 200 };
  const snapshot = snapshotProgress([task({ ...under, snapshot_remaining_seconds: 12 })])!;
  expect(snapshot).toEqual({ tables: 3, tables_done: 1, rows: 50, rows_estimated: 200, remaining_seconds: 12 });
  const connector = { state: 'RUNNING', worker_id: 'w' };
  const shown = renderStatus([{ name: 'c', type: 'source', connector, tasks: [], snapshot }]);
  expect(shown).toContain('c reads tables: 1 of 3, 50 of about 200 rows, 12 s left');
});
