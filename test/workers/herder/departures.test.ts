/** When connectors that leave take away what they left at their source. */

import { beforeEach, expect, test } from 'vitest';
import type { Departure, SourceConnector } from '../../../connectors/contract/source.ts';
import { Departures } from '../../../workers/herder/departures.ts';
import { type ConfigState, emptyConfigState, type TargetState } from '../../../workers/stores/config-records.ts';
import { FakeClock } from '../../fakes/fake-clock.ts';
import { MemoryLogger } from '../../kits/source-kit.ts';
import { catalogue } from '../fixtures/definitions.ts';

let state: ConfigState;
let running: Set<string>;
let called: (Departure & { readonly end: PromiseWithResolvers<void> })[];
let clock: FakeClock;
let logger: MemoryLogger;
let doneCount: number;
let departures: Departures;

beforeEach(() => {
  state = emptyConfigState();
  running = new Set();
  called = [];
  clock = new FakeClock();
  logger = new MemoryLogger();
  doneCount = 0;
  const source: SourceConnector = {
    plan: async () => [],
    createTask: () => {
      throw new Error('nothing runs here');
    },
    cleanUp: (departure) => {
      const end = Promise.withResolvers<void>();
      called.push({ ...departure, end });
      return end.promise;
    },
  };
  const onDone = () => {
    doneCount += 1;
  };
  departures = new Departures({ catalogue, loadConnector: async () => source, clock, logger, onDone });
});

const look = () => departures.look(state, (name) => running.has(name));
const is = (name: string, target: TargetState, more: Record<string, string> = {}) => {
  state.connectors.set(name, { name, 'connector.class': 'counting', ...more });
  state.targetStates.set(name, target);
  look();
};
const isDeleted = (name: string) => {
  state.connectors.delete(name);
  state.targetStates.delete(name);
  look();
};
const calls = () => expect.poll(() => called.map(({ settings, why }) => `${settings['name']} ${why}`));

test('after a stop and after a deletion, once each, with the settings it had last', async () => {
  is('a', 'STARTED', { topic: 'old' });
  is('a', 'PAUSED', { topic: 'new' });
  is('a', 'STOPPED', { topic: 'new' });
  look();
  await calls().toEqual(['a stopped']);
  expect(called[0]?.settings['topic']).toBe('new');
  called[0]?.end.resolve();
  await expect.poll(() => doneCount).toBe(1);
  isDeleted('a');
  look();
  await calls().toEqual(['a stopped', 'a deleted']);
});

test('not for what was stopped before the worker started', async () => {
  is('a', 'STOPPED');
  is('b', 'STARTED');
  isDeleted('b');
  await calls().toEqual(['b deleted']);
});

test('once no task runs any more, and not where the connector is back by then', async () => {
  for (const name of ['a', 'b', 'c']) {
    running.add(name);
    is(name, 'STARTED');
  }
  is('a', 'STOPPED');
  isDeleted('b');
  isDeleted('c');
  is('a', 'STARTED');
  is('b', 'STARTED');
  running.clear();
  look();
  await calls().toEqual(['c deleted']);
  expect(['a', 'b', 'c'].map((name) => departures.isBusy(name))).toEqual([false, false, true]);
});

test('one that comes back meanwhile waits, and leaves again behind that', async () => {
  is('a', 'STARTED');
  isDeleted('a');
  await calls().toEqual(['a deleted']);
  is('a', 'STARTED');
  isDeleted('a');
  expect(departures.isBusy('a')).toBe(true);
  called[0]?.end.resolve();
  await expect.poll(() => doneCount).toBe(1);
  expect(departures.isBusy('a')).toBe(false);
  look();
  await calls().toEqual(['a deleted', 'a deleted']);
});

test('what fails, takes too long or is cut short is said, and is over', async () => {
  for (const name of ['a', 'b', 'c']) is(name, 'STARTED');
  isDeleted('a');
  await calls().toHaveLength(1);
  called[0]?.end.reject(new Error('nobody answers'));
  await expect.poll(() => logger.lines.join()).toContain('nobody answers');
  isDeleted('b');
  await calls().toHaveLength(2);
  await clock.advance(60_000);
  await expect.poll(() => logger.lines.join()).toContain('longer than 60 s');
  isDeleted('c');
  await calls().toHaveLength(3);
  await departures.close();
  expect(logger.lines.join()).toContain('the worker stops');
  expect(doneCount).toBe(3);
});
