/** The suite every keyed log must pass, with the stores on top of it: what was written is durable, read back, and equal to a replay. */

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { silentLogger } from '../../core/base/logger.ts';
import { configRecords, type StoreRecord } from '../../workers/stores/config-records.ts';
import { ConfigStore } from '../../workers/stores/config-store.ts';
import { OffsetStore } from '../../workers/stores/offset-store.ts';
import { StatusStore } from '../../workers/stores/status-store.ts';
import type { KeyedLog } from '../../workers/stores/topic-store.ts';

export interface KeyedLogHarness {
  /** A log nobody has written to, and the same one opened again by somebody else. */
  create(partitionCount: number): Promise<{ readonly log: KeyedLog; reopen(): KeyedLog }>;
  close(): Promise<void>;
}

const noFailure = (error: unknown) => {
  throw error;
};

export function keyedLogKit(name: string, open: () => Promise<KeyedLogHarness>): void {
  describe(`stores on ${name}`, () => {
    let harness: KeyedLogHarness;
    beforeAll(async () => {
      harness = await open();
    });
    afterAll(() => harness.close());

    test('a config store shows its own writes, and a replay shows the same', async () => {
      const { log, reopen } = await harness.create(1);
      const store = await openConfig(log);
      const { connector, task, commit, targetState } = configRecords;
      await store.write([targetState('a', 'PAUSED'), connector('a', { name: 'a' })]);
      expect(store.state.connectors.get('a')).toEqual({ name: 'a' });
      await store.writeTasks('a', [{ n: '0' }, { n: '1' }]);
      await store.write([connector('b', { name: 'b' }), task('b', 0, {})]);
      await store.write([connector('b', null), targetState('b', null)]);
      await store.write([commit('a', 0)]);
      const replayed = await openConfig(reopen());
      expect(replayed.state).toEqual(store.state);
      expect(replayed.state.taskSets.get('a')?.tasks).toEqual([]);
      await store.close();
      await replayed.close();
    });

    test('what another one wrote is there after a refresh, and is told', async () => {
      const { log, reopen } = await harness.create(1);
      const changes: string[] = [];
      const reader = await openConfig(log, () => changes.push('change'));
      const writer = await openConfig(reopen());
      await writer.write([configRecords.connector('x', { name: 'x' })]);
      await reader.refresh();
      expect(reader.state.connectors.has('x')).toBe(true);
      expect(changes).toEqual(['change']);
      await reader.close();
      await writer.close();
    });

    test('restart requests count only when they are read live', async () => {
      const { log, reopen } = await harness.create(1);
      const live: string[] = [];
      const store = await openConfig(log, undefined, ({ connector }) => live.push(connector));
      await store.write([configRecords.restart({ connector: 'a', includeTasks: true, onlyFailed: false })]);
      expect(live).toEqual(['a']);
      const replayed: string[] = [];
      const again = await openConfig(reopen(), undefined, ({ connector }) => replayed.push(connector));
      expect(replayed).toEqual([]);
      await store.close();
      await again.close();
    });

    test('an offset store keeps the last offset of every source partition, over several partitions of the topic', async () => {
      const { log, reopen } = await harness.create(4);
      const store = await openOffsets(log);
      const positions = Array.from({ length: 40 }, (_, file) => ({ partition: { file }, offset: { position: file } }));
      await store.write('files', positions);
      await store.write('files', [
        { partition: { file: 7 }, offset: { position: 700 } },
        { partition: { file: 8 }, offset: null },
      ]);
      await store.write('other', [{ partition: { file: 1 }, offset: { position: -1 } }]);
      const replayed = await openOffsets(reopen());
      for (const each of [store, replayed]) {
        const found = await each.read('files');
        expect(found).toHaveLength(39);
        expect(found.find(({ partition }) => partition['file'] === 7)?.offset).toEqual({ position: 700 });
        expect(found.some(({ partition }) => partition['file'] === 8)).toBe(false);
        await each.close();
      }
    });

    test('a status store shows what was read back, and the last word wins', async () => {
      const { log, reopen } = await harness.create(1);
      const store = new StatusStore({ log, logger: silentLogger, onFailed: noFailure });
      await store.open();
      const status = { trace: null, workerId: 'w:1', generation: 0, version: null };
      store.task('a', 0, { ...status, state: 'RUNNING' });
      store.task('a', 0, { ...status, state: 'FAILED', trace: 'why' });
      store.connector('a', { ...status, state: 'RUNNING' });
      store.connector('b', { ...status, state: 'RUNNING' });
      store.connector('b', null);
      await store.flush();
      expect(store.state.tasks.get('a')?.get(0)?.state).toBe('FAILED');
      const replayed = new StatusStore({ log: reopen(), logger: silentLogger, onFailed: noFailure });
      await replayed.open();
      expect(replayed.state).toEqual(store.state);
      expect([...replayed.connectorNames()]).toEqual(['a']);
      await store.close();
      await replayed.close();
    });

    test('records of one write are applied together and in order', async () => {
      const { log } = await harness.create(1);
      const seen: StoreRecord[] = [];
      const abort = new AbortController();
      const records = Array.from({ length: 50 }, (_, index) => ({ key: `k${index % 5}`, value: String(index) }));
      const ends = await log.append(records);
      const done = Promise.withResolvers<void>();
      const tailing = log.tail(
        {
          onRecord: (record) => seen.push(record),
          onProgress: ({ offset }) => offset >= ends[0]!.offset && done.resolve(),
        },
        abort.signal,
      );
      await done.promise;
      abort.abort();
      await tailing;
      expect(seen).toEqual(records);
    });
  });
}

async function openConfig(
  log: KeyedLog,
  onChange: () => void = () => {},
  onRestart: ConstructorParameters<typeof ConfigStore>[0]['onRestart'] = () => {},
): Promise<ConfigStore> {
  const store = new ConfigStore({ log, onChange, onRestart, onFailed: noFailure });
  await store.open();
  return store;
}

async function openOffsets(log: KeyedLog): Promise<OffsetStore> {
  const store = new OffsetStore({ log, partitionCount: 4, onFailed: noFailure });
  store.open();
  return store;
}
