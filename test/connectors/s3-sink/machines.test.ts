/** The small machines of the S3 sink one by one: retry pace, request window, memory, checkpoints, guarded files. */

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import {
  decodeCheckpoint,
  encodeCheckpoint,
  firstCheckpoint,
  prepare,
  settle,
} from '../../../connectors/s3-sink/commit/checkpoint.ts';
import { definition } from '../../../connectors/s3-sink/config.ts';
import { s3Errors } from '../../../connectors/s3-sink/error-codes.ts';
import { Memory } from '../../../connectors/s3-sink/files/memory.ts';
import { objectNames } from '../../../connectors/s3-sink/object-name.ts';
import { layoutOf } from '../../../connectors/s3-sink/partitioners/partitioner.ts';
import { GuardedFile } from '../../../connectors/s3-sink/store/guarded-file.ts';
import { RequestWindow } from '../../../connectors/s3-sink/store/request-window.ts';
import { narrow, openWindow, pauseMs, widen } from '../../../connectors/s3-sink/store/retry-rules.ts';
import { toFault } from '../../../connectors/s3-sink/store/s3-faults.ts';

const required = { name: 'n', 'connector.class': 's3', topics: 't', 's3.bucket.name': 'b' };
const config = definition.require(required);

describe('retries', () => {
  test('grow to a bound, and never happen for what stays wrong', () => {
    const passing = s3Errors.error('unavailable', { message: 'x' });
    expect([1, 2, 3, 20, 2000].map((failures) => pauseMs(passing, failures, 1))).toEqual([
      200, 400, 800, 30_000, 30_000,
    ]);
    expect(pauseMs(passing, 1, 0)).toBe(100);
    expect(pauseMs(s3Errors.error('denied', { message: 'x' }), 9, 1)).toBe(60_000);
    expect(pauseMs(s3Errors.error('refused', { message: 'x' }), 1, 1)).toBeUndefined();
    expect(pauseMs(new Error('x'), 1, 1)).toBeUndefined();
  });

  test('go by what the store or the system said', () => {
    const code = (name: string, status?: number) =>
      toFault(Object.assign(new Error('x'), { name, $metadata: { httpStatusCode: status } }), 'here').code;
    expect(code('SlowDown', 503)).toBe('s3/throttled');
    expect(code('TooManyRequests', 429)).toBe('s3/throttled');
    expect(code('InternalError', 500)).toBe('s3/unavailable');
    expect(code('InternalError', 200)).toBe('s3/unavailable');
    expect(code('TimeoutError')).toBe('s3/unavailable');
    expect(code('RequestTimeTooSkewed', 403)).toBe('s3/unavailable');
    expect(code('BadDigest', 400)).toBe('s3/unavailable');
    expect(code('ExpiredToken', 400)).toBe('s3/denied');
    expect(code('AccessDenied', 403)).toBe('s3/denied');
    expect(code('PermanentRedirect', 301)).toBe('s3/bucket-missing');
    expect(code('NoSuchBucket', 404)).toBe('s3/bucket-missing');
    expect(code('EntityTooSmall', 400)).toBe('s3/refused');
  });
});

describe('the request window', () => {
  test('halves once for all calls of one round and grows by one per round', () => {
    let window = openWindow(8);
    window = narrow(window, 0, 8);
    window = narrow(window, 5, 8);
    expect(window.size).toBe(4);
    window = narrow(window, 8, 12);
    expect(window.size).toBe(2);
    for (let i = 0; i < 3; i++) window = narrow(window, 100 * (i + 1), 100 * (i + 1));
    expect(window.size).toBe(1);
    for (let i = 0; i < 3; i++) window = widen(window);
    expect(Math.floor(window.size)).toBe(2);
    for (let i = 0; i < 100; i++) window = widen(window);
    expect(window.size).toBe(8);
  });

  test('runs no more calls than it has room for, and all of them', async () => {
    const window = new RequestWindow(3);
    let running = 0;
    let most = 0;
    const calls = Array.from({ length: 40 }, (_, i) =>
      window.run(
        async () => {
          most = Math.max(most, ++running);
          await new Promise((resolve) => setImmediate(resolve));
          running--;
          if (i % 9 === 0) throw s3Errors.error('throttled', { message: 'x' });
        },
        (error) => s3Errors.is(error, 'throttled'),
      ),
    );
    const results = await Promise.allSettled(calls);
    expect(results.filter(({ status }) => status === 'rejected')).toHaveLength(5);
    expect(most).toBe(3);
  });
});

describe('memory', () => {
  test('counts what is handed out, keeps buffers, and holds no more than its budget', async () => {
    const memory = new Memory(100_000, 40_000);
    const one = memory.take(3000);
    expect(one.length).toBe(4096);
    memory.give(one);
    expect(memory.take(4096)).toBe(one);
    const large = memory.take(33_000);
    expect(large.length).toBe(40_000);
    expect(memory.usedBytes).toBe(44_096);
    const huge = memory.take(500_000);
    expect(memory.usedBytes).toBe(544_096);
    const changed = memory.change(new AbortController().signal);
    memory.give(huge);
    await changed;
    expect(memory.usedBytes).toBe(44_096);
    const abort = new AbortController();
    const waiting = memory.change(abort.signal);
    abort.abort(new Error('enough'));
    await expect(waiting).rejects.toThrow('enough');
  });
});

describe('checkpoints', () => {
  const layout = layoutOf(config);
  const file = (first: number, last: number) => ({
    path: 'p',
    first,
    last,
    key: `k${first}`,
    uploadId: 'u',
    token: 't',
    records: 1,
    parts: [{ partNumber: 1, etag: 'e', crc32: 'c', sizeBytes: 1 }],
  });

  test('go back exactly to what was lost', () => {
    const start = settle(prepare(firstCheckpoint('me', layout), [file(0, 9)], 5));
    expect([start.next, start.written[0]?.ranges]).toEqual([5, [{ path: 'p', first: 0, last: 9 }]]);
    const prepared = prepare(start, [file(10, 19), file(20, 29)], 30);
    expect(settle(prepared)).toMatchObject({ next: 30, written: [], prepared: [] });
    const rewound = settle(prepared, new Set([prepared.prepared[0]!]));
    expect([rewound.next, rewound.written[0]?.ranges]).toEqual([10, [{ path: 'p', first: 20, last: 29 }]]);
  });

  test('are read back as written, and refused when damaged', () => {
    const checkpoint = prepare(firstCheckpoint('me', layout), [file(0, 9)], 5);
    expect(decodeCheckpoint(encodeCheckpoint(checkpoint))).toEqual(checkpoint);
    const broken: unknown[] = [
      null,
      1,
      [],
      {},
      { ...checkpoint, version: 2 },
      { ...checkpoint, next: 'x' },
      { ...checkpoint, prepared: [{}] },
      { ...checkpoint, written: [{ layout, ranges: [{ path: 1 }] }] },
      { ...checkpoint, layout: {} },
    ];
    for (const each of broken) expect(decodeCheckpoint(Buffer.from(JSON.stringify(each)))).toBeUndefined();
    expect(decodeCheckpoint(Buffer.from('{'))).toBeUndefined();
  });
});

describe('object names', () => {
  test('sort by offset, and are told apart by partition and ending (57)', () => {
    const names = objectNames(config, 'a/b c', '.jsonl.gz');
    const at = { topic: 'web-logs', partition: 3 };
    const key = names.object(at, 'year=2026', 42);
    expect(key).toBe('topics/web-logs/year=2026/web-logs+3+0000000042.jsonl.gz');
    expect(names.isOf(at, key)).toBe(true);
    expect(names.isOf({ ...at, partition: 33 }, key)).toBe(false);
    expect(names.isOf({ topic: 'web', partition: 3 }, key)).toBe(false);
    expect(names.isOf(at, key.replace('.gz', ''))).toBe(false);
    expect(names.checkpoint(at)).toBe('topics/_millrace/a%2Fb%20c/web-logs/3.json');
  });
});

describe('guarded files', () => {
  test('refuse a writer that is many versions behind', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'millrace-guard-'));
    const file = new GuardedFile(join(folder, 'checkpoint'));
    const first = await file.write(Buffer.from('0'), undefined);
    let etag = first;
    for (let i = 1; i < 20; i++) etag = await file.write(Buffer.from(String(i)), etag);
    expect(await file.write(Buffer.from('stale'), first)).toBeUndefined();
    expect((await file.read())?.content.toString()).toBe('19');
    await rm(folder, { recursive: true });
  });
});

describe('settings', () => {
  test('contradict each other only with a word about it', () => {
    const problems = (settings: Record<string, string>) => {
      const result = definition.parse({ ...required, ...settings });
      return 'problems' in result ? result.problems.map(({ path }) => path) : [];
    };
    expect(problems({})).toEqual([]);
    expect(problems({ 's3.bucket.name': 'b', 'aws.access.key.id': 'x' })).toEqual(['aws.secret.access.key']);
    expect(problems({ 'partitioner.class': 'field' })).toEqual(['partition.field.name']);
    expect(problems({ 'path.format': 'year=YYYY' })).toEqual(['path.format']);
    expect(problems({ timezone: 'Mars/Olympus' })).toEqual(['timezone']);
    expect(problems({ 'flush.bytes': '1TiB' })).toEqual(['flush.bytes']);
    expect(problems({ 's3.part.size': '40MiB' })).toEqual(['memory.budget.bytes']);
    expect(problems({ 'topics.dir': 'a//b' })).toEqual(['topics.dir']);
    expect(problems({ 'store.url': 'ftp://x' })).toEqual(['store.url']);
  });
});
