/** What follows from the records of the config topic: plans, tasks, pauses. */

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { desiredOf } from '../../../workers/herder/reconcile.ts';
import {
  applyConfigRecord,
  configRecords,
  emptyConfigState,
  type StoreRecord,
} from '../../../workers/stores/config-records.ts';

function stateOf(...records: StoreRecord[]) {
  const state = emptyConfigState();
  for (const record of records) applyConfigRecord(state, record);
  return state;
}

const { connector, task, commit, targetState } = configRecords;
const settings = { name: 'a', 'connector.class': 'counting' };
const planned = [connector('a', settings), task('a', 0, { n: '0' }), task('a', 1, { n: '1' }), commit('a', 2)];

describe('what should run', () => {
  test('a new connector is planned', () => {
    expect(desiredOf(stateOf(connector('a', settings)))).toEqual({ toPlan: ['a'], toEmpty: [], tasks: [] });
  });

  test('a planned one runs its tasks', () => {
    const desired = desiredOf(stateOf(...planned));
    expect(desired.toPlan).toEqual([]);
    expect(desired.tasks.map(({ index, settings: own }) => [index, own])).toEqual([
      [0, { n: '0' }],
      [1, { n: '1' }],
    ]);
  });

  test('changed settings are planned anew while the old tasks run on', () => {
    const desired = desiredOf(stateOf(...planned, connector('a', { ...settings, more: '1' })));
    expect(desired.toPlan).toEqual(['a']);
    expect(desired.tasks).toHaveLength(2);
  });

  test('equal tasks of other settings are replaced', () => {
    const before = desiredOf(stateOf(...planned)).tasks[0]?.fingerprint;
    const tasks = planned.slice(1);
    const after = desiredOf(stateOf(...planned, connector('a', { ...settings, more: '1' }), ...tasks)).tasks[0];
    expect(after?.fingerprint).not.toBe(before);
  });

  test('a paused one keeps its tasks and is not planned', () => {
    const desired = desiredOf(
      stateOf(...planned, connector('a', { ...settings, more: '1' }), targetState('a', 'PAUSED')),
    );
    expect(desired.toPlan).toEqual([]);
    expect(desired.tasks.map(({ paused }) => paused)).toEqual([true, true]);
  });

  test('a stopped one is emptied, and planned when it is resumed', () => {
    const stopped = [...planned, targetState('a', 'STOPPED')];
    expect(desiredOf(stateOf(...stopped))).toEqual({ toPlan: [], toEmpty: ['a'], tasks: [] });
    expect(desiredOf(stateOf(...stopped, commit('a', 0)))).toEqual({ toPlan: [], toEmpty: [], tasks: [] });
    const resumed = desiredOf(stateOf(...stopped, commit('a', 0), targetState('a', 'STARTED')));
    expect(resumed.toPlan).toEqual(['a']);
  });

  test('one created paused or stopped has no tasks', () => {
    for (const state of ['PAUSED', 'STOPPED'] as const) {
      const desired = desiredOf(stateOf(targetState('a', state), connector('a', settings)));
      expect(desired).toEqual({ toPlan: [], toEmpty: [], tasks: [] });
    }
  });

  test('a commit with a missing task has the connector planned anew', () => {
    const desired = desiredOf(stateOf(connector('a', settings), task('a', 1, {}), commit('a', 2)));
    expect(desired).toEqual({ toPlan: ['a'], toEmpty: [], tasks: [] });
  });

  test('a deleted one is gone, and its leftovers are never run after it is made again', () => {
    expect(desiredOf(stateOf(...planned, connector('a', null)))).toEqual({ toPlan: [], toEmpty: [], tasks: [] });
    const again = desiredOf(stateOf(...planned, connector('a', null), commit('a', 2), connector('a', settings)));
    expect(again).toEqual({ toPlan: ['a'], toEmpty: [], tasks: [] });
  });

  test('only started connectors are planned, and no task runs without its connector', () => {
    const name = fc.constantFrom('a', 'a-b', 'c');
    const record = fc.oneof(
      name.map((each) => connector(each, { name: each })),
      name.map((each) => connector(each, null)),
      fc.tuple(name, fc.nat(2)).map(([each, index]) => task(each, index, { index: String(index) })),
      fc.tuple(name, fc.nat(3)).map(([each, count]) => commit(each, count)),
      fc.tuple(name, fc.constantFrom('STARTED', 'PAUSED', 'STOPPED')).map(([each, state]) => targetState(each, state)),
    );
    fc.assert(
      fc.property(fc.array(record, { maxLength: 40 }), (records) => {
        const state = stateOf(...records);
        const desired = desiredOf(state);
        for (const { connector: owner, paused } of desired.tasks) {
          expect(state.connectors.has(owner)).toBe(true);
          expect(state.targetStates.get(owner)).not.toBe('STOPPED');
          expect(paused).toBe(state.targetStates.get(owner) === 'PAUSED');
        }
        for (const owner of desired.toPlan) {
          expect(state.connectors.has(owner)).toBe(true);
          expect(state.targetStates.get(owner) ?? 'STARTED').toBe('STARTED');
        }
      }),
    );
  });
});
