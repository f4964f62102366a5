/** The records of the internal topics, byte for byte as Kafka Connect writes them. */

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { canonicalJson, type JsonValue } from '../../../workers/stores/canonical-json.ts';
import { applyConfigRecord, configRecords, emptyConfigState } from '../../../workers/stores/config-records.ts';
import { partitionOfKey } from '../../../workers/stores/murmur2.ts';
import {
  applyOffsetRecord,
  type OffsetState,
  offsetKey,
  offsetRecord,
} from '../../../workers/stores/offset-records.ts';
import { applyStatusRecord, emptyStatusState, statusRecords } from '../../../workers/stores/status-records.ts';

describe("records in Kafka Connect's formats", () => {
  test('of the config topic', () => {
    expect(configRecords.connector('a-b', { name: 'a-b' })).toEqual({
      key: 'connector-a-b',
      value: '{"properties":{"name":"a-b"}}',
    });
    expect(configRecords.task('a-b', 2, { x: '1' })).toEqual({ key: 'task-a-b-2', value: '{"properties":{"x":"1"}}' });
    expect(configRecords.commit('a-b', 3)).toEqual({ key: 'commit-a-b', value: '{"tasks":3}' });
    expect(configRecords.targetState('a', 'STOPPED')).toEqual({
      key: 'target-state-a',
      value: '{"state":"PAUSED","state.v2":"STOPPED"}',
    });
    expect(configRecords.connector('a', null)).toEqual({ key: 'connector-a', value: null });
  });

  test('the older target state field counts where the newer one is missing', () => {
    const state = emptyConfigState();
    applyConfigRecord(state, { key: 'target-state-a', value: '{"state":"PAUSED"}' });
    expect(state.targetStates.get('a')).toBe('PAUSED');
  });

  test('a restart request is told to the caller', () => {
    const request = { connector: 'a', includeTasks: true, onlyFailed: false };
    expect(applyConfigRecord(emptyConfigState(), configRecords.restart(request))).toEqual(request);
  });

  test('more tasks than the commit names may wait: compaction leaves those of a larger set', () => {
    const state = emptyConfigState();
    const { connector, task, commit } = configRecords;
    for (const record of [connector('a', {}), task('a', 2, {}), task('a', 0, {}), task('a', 1, {}), commit('a', 2)]) {
      applyConfigRecord(state, record);
    }
    expect(state.taskSets.get('a')?.tasks).toHaveLength(2);
    expect(state.inconsistent.size).toBe(0);
  });

  test('of the offset topic', () => {
    expect(offsetKey('files', { filename: '/a', b: 1, a: null })).toBe('["files",{"a":null,"b":1,"filename":"/a"}]');
    expect(offsetRecord('files', { partition: { filename: '/a' }, offset: { position: 7 } })).toEqual({
      key: '["files",{"filename":"/a"}]',
      value: '{"position":7}',
    });
    expect(offsetRecord('files', { partition: { filename: '/a' }, offset: null }).value).toBeNull();
  });

  test('an offset that an older writer stored under another order of keys is found and replaced', () => {
    const state: OffsetState = new Map();
    const key = '["files",{"b":1,"a":2}]';
    applyOffsetRecord(state, { key, value: '{"position":7}' });
    const stored = [...(state.get('files')?.values() ?? [])][0];
    expect(stored?.key).toBe(key);
    applyOffsetRecord(state, offsetRecord('files', { partition: { a: 2, b: 1 }, offset: { position: 8 } }, key));
    expect([...(state.get('files')?.values() ?? [])]).toMatchObject([{ offset: { position: 8 } }]);
  });

  test('of the status topic', () => {
    const status = { state: 'FAILED', trace: 'why', workerId: 'h:1', generation: 4, version: null } as const;
    expect(statusRecords.task('a-b', 1, status)).toEqual({
      key: 'status-task-a-b-1',
      value: '{"state":"FAILED","trace":"why","worker_id":"h:1","generation":4,"version":null}',
    });
    const active = { topic: 't:connector-x', connector: 'a', task: 0, discoverTimestampMs: 5 };
    expect(statusRecords.topic(active).value).toBe(
      '{"topic":{"name":"t:connector-x","connector":"a","task":0,"discoverTimestamp":5}}',
    );
    const state = emptyStatusState();
    applyStatusRecord(state, statusRecords.task('a-b', 1, status));
    expect(state.tasks.get('a-b')?.get(1)).toEqual(status);
    applyStatusRecord(state, statusRecords.task('a-b', 1, null));
    expect(state.tasks.size).toBe(0);
  });

  test('what nobody can read changes nothing', () => {
    fc.assert(
      fc.property(fc.string(), fc.oneof(fc.constant(null), fc.string(), fc.json()), (text, value) => {
        const prefixes = ['connector-', 'task-', 'commit-', 'target-state-', 'status-task-', 'status-connector-', ''];
        for (const prefix of prefixes) {
          const record = { key: `${prefix}${text}`, value };
          applyConfigRecord(emptyConfigState(), record);
          applyStatusRecord(emptyStatusState(), record);
          applyOffsetRecord(new Map(), record);
        }
      }),
    );
  });
});

describe('canonical JSON', () => {
  test('does not depend on the order of keys, and means the same', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue()), (value) => {
        const entries = Object.entries(value) as [string, JsonValue][];
        const text = canonicalJson(Object.fromEntries(entries));
        expect(canonicalJson(Object.fromEntries(entries.toReversed()))).toBe(text);
        expect(canonicalJson(JSON.parse(text))).toBe(text);
      }),
    );
  });
});

describe('the partition of a key', () => {
  /** Known answers of Kafka's murmur2 (`UtilsTest.testMurmur2`). */
  test.each([
    ['21', -973932308],
    ['foobar', -790332482],
    ['a-little-bit-long-string', -985981536],
    ['a-little-bit-longer-string', -1486304829],
    ['lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8', -58897971],
    ['abc', 479470107],
  ])('is the one Kafka chooses for %s', (key, hash) => {
    expect(partitionOfKey(Buffer.from(key), 1_000_003)).toBe((hash & 0x7fffffff) % 1_000_003);
  });
});
