/** The S3 sink as a whole: the sink kit, and what S3 does to it. */

import { describe, expect, test } from 'vitest';
import type { TopicPartition } from '../../../connectors/contract/record.ts';
import { FakeClock } from '../../fakes/fake-clock.ts';
import type { PlainRecord } from '../../fakes/run-of-records.ts';
import { numbered, SinkDriver, type SinkUnderTest, sinkKit } from '../../kits/sink-kit.ts';
import { type BucketTarget, bucketTarget, folderTarget } from './targets.ts';

sinkKit('the S3 sink on a bucket, JSON lines', () => bucketTarget());
sinkKit('the S3 sink on a bucket, zstd, files of 7 records', () =>
  bucketTarget({ 'flush.size': '7', 's3.compression.type': 'zstd' }),
);
sinkKit('the S3 sink on a folder, gzip', () => folderTarget({ 's3.compression.type': 'gzip' }));

const at: TopicPartition = { topic: 'kit', partition: 0 };

async function withBucket(
  settings: Record<string, string>,
  body: (target: BucketTarget, driver: SinkDriver) => Promise<void>,
) {
  const target = await bucketTarget(settings);
  const driver = new SinkDriver({ task: target.createTask(), settings: target.settings });
  try {
    await driver.start([at]);
    await body(target, driver);
  } finally {
    target.server.faults.clear();
    await driver.task.close();
    await target.close();
  }
}

async function until(isTrue: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await isTrue())) await new Promise((resolve) => setTimeout(resolve, 5));
}

describe('the S3 sink against a store that misbehaves', () => {
  const expectAll = async (target: SinkUnderTest, driver: SinkDriver, count: number) => {
    await driver.task.drain();
    expect(await target.visible(at)).toEqual(numbered(0, count).map(({ offset }) => offset));
    expect(driver.committable.get('kit-0')).toBe(count);
    expect(driver.failure).toBeUndefined();
  };

  test('adapts to 503 and never fails (20)', async () => {
    await withBucket({ 'flush.size': '10' }, async (target, driver) => {
      target.server.faults.add({ rate: 0.3, times: 12, effect: { kind: 'error', status: 503, code: 'SlowDown' } });
      await driver.put(at, numbered(0, 200));
      await expectAll(target, driver, 200);
      expect(driver.gauges.get('store_throttled_total')).toBeGreaterThan(0);
    });
  });

  test('survives broken connections, lost answers and errors inside (21, 22, 31)', async () => {
    await withBucket({ 'flush.size': '20' }, async (target, driver) => {
      target.server.faults.add(
        { rate: 0.2, times: 6, effect: { kind: 'reset' } },
        { rate: 0.2, times: 6, effect: { kind: 'lose-answer' } },
        { rate: 0.1, times: 3, effect: { kind: 'error', status: 500, code: 'InternalError' } },
      );
      await driver.put(at, numbered(0, 300));
      await expectAll(target, driver, 300);
    });
  });

  test('is not fooled by 200 with an error in the body (21)', async () => {
    await withBucket({}, async (target, driver) => {
      const effect = { kind: 'error-body', code: 'InternalError' } as const;
      target.server.faults.add({ operations: ['CompleteMultipartUpload'], times: 2, effect });
      await driver.put(at, numbered(0, 5));
      await expectAll(target, driver, 5);
      expect(target.server.faults.counts.get('error-body')).toBe(2);
    });
  });

  test('recognises its own object when the answer to its completion was lost (22, 24)', async () => {
    await withBucket({}, async (target, driver) => {
      target.server.faults.add({ operations: ['CompleteMultipartUpload'], times: 1, effect: { kind: 'lose-answer' } });
      target.server.faults.add({ operations: ['PutObject'], times: 1, effect: { kind: 'lose-answer' } });
      await driver.put(at, numbered(0, 5));
      await expectAll(target, driver, 5);
    });
  });

  test('asks again after 409 (25)', async () => {
    await withBucket({}, async (target, driver) => {
      const effect = { kind: 'error', status: 409, code: 'ConditionalRequestConflict' } as const;
      target.server.faults.add({ operations: ['CompleteMultipartUpload', 'PutObject'], times: 3, effect });
      await driver.put(at, numbered(0, 5));
      await expectAll(target, driver, 5);
    });
  });

  test('waits for a store that disappears, with a bounded amount in memory (30)', async () => {
    const settings = { 'flush.bytes': '6MiB', 's3.part.size': '5MiB', 'memory.budget.bytes': '16MiB' };
    await withBucket(settings, async (target, driver) => {
      await target.server.disappear();
      const value = JSON.stringify({ n: 0, text: 'x'.repeat(1000) });
      let taken = 0;
      const feeding = (async () => {
        for (; taken < 40; taken++) {
          const run = Array.from({ length: 1000 }, (_, i): PlainRecord => ({ offset: taken * 1000 + i, value }));
          await driver.put(at, run);
        }
      })();
      await until(() => (driver.gauges.get('store_calls_failing') ?? 0) > 0);
      const stuckAt = await settled(() => taken);
      expect(stuckAt).toBeLessThan(25);
      await target.server.reappear();
      await feeding;
      await driver.task.drain();
      expect(await target.visible(at)).toHaveLength(40_000);
      expect(driver.failure).toBeUndefined();
    });
  });

  test('says that it may not, and goes on once it may (28)', async () => {
    const clock = new FakeClock(Date.now());
    const target = await bucketTarget();
    const driver = new SinkDriver({ task: target.createTask(), settings: target.settings, clock });
    await driver.start([at]);
    target.server.faults.add({
      operations: ['CreateMultipartUpload'],
      effect: { kind: 'error', status: 403, code: 'AccessDenied' },
    });
    await driver.put(at, numbered(0, 5));
    const draining = driver.task.drain();
    await until(() => (driver.gauges.get('store_calls_failing') ?? 0) === 1);
    target.server.faults.clear();
    await clock.advance(6000);
    await draining;
    expect(await target.visible(at)).toHaveLength(5);
    await driver.task.close();
    await target.close();
  });

  test('fails with a clear error when bucket or rights are missing at the start (29)', async () => {
    const target = await bucketTarget({ 's3.bucket.name': 'nowhere' });
    const driver = new SinkDriver({ task: target.createTask(), settings: target.settings });
    await expect(driver.start([at])).rejects.toMatchObject({ code: 's3/bucket-missing' });
    await driver.task.close();
    const stranger = { ...target.settings, 'aws.access.key.id': 'nobody' };
    const denied = new SinkDriver({ task: target.createTask(), settings: stranger });
    await expect(denied.start([at])).rejects.toMatchObject({ code: 's3/denied' });
    await denied.task.close();
    await target.close();
  });

  test('restarts from the topic when a lifecycle rule removed an upload (23)', async () => {
    await withBucket({}, async (target, driver) => {
      target.server.faults.add({
        operations: ['CompleteMultipartUpload'],
        times: 1,
        effect: { kind: 'delay', ms: 50 },
      });
      await driver.put(at, numbered(0, 5));
      const draining = driver.task.drain();
      draining.catch(() => undefined);
      await until(() => target.server.requests.get('CompleteMultipartUpload') === 1);
      for (const upload of target.server.buckets.uploads('bucket')) target.server.buckets.abort(upload);
      await expect(draining).rejects.toMatchObject({ code: 's3/upload-gone', retriable: true });
      const next = new SinkDriver({ task: target.createTask(), settings: target.settings });
      expect(await next.start([at])).toEqual([{ ...at, offset: 0 }]);
      await next.put(at, numbered(0, 5));
      await next.task.drain();
      expect(await target.visible(at)).toEqual([0, 1, 2, 3, 4]);
      await next.task.close();
    });
  }, 20_000);

  test('does not touch an object of another writer (24)', async () => {
    await withBucket({}, async (target, driver) => {
      const key = 'lake/kit/partition=0/kit+0+0000000000.jsonl';
      target.server.buckets.put(
        'bucket',
        key,
        Buffer.from('mine\n'),
        {},
        { ifMatch: undefined, ifNoneMatch: undefined },
      );
      await driver.put(at, numbered(0, 5));
      await expect(driver.task.drain()).rejects.toMatchObject({ code: 's3/object-exists', where: key });
      expect(await target.text(key)).toBe('mine\n');
    });
  });

  test('removes the uploads that a killed task left behind (36)', async () => {
    await withBucket({}, async (target) => {
      const headers = {};
      target.server.buckets.createUpload('bucket', 'lake/kit/partition=0/kit+0+0000000007.jsonl', headers, true);
      target.server.buckets.createUpload('bucket', 'lake/kit/partition=1/kit+1+0000000007.jsonl', headers, true);
      target.server.buckets.createUpload('bucket', 'lake/kit/partition=0/kit+0+0000000007.txt', headers, true);
      const next = new SinkDriver({ task: target.createTask(), settings: target.settings });
      await next.start([at]);
      await until(() => target.server.buckets.uploads('bucket').length === 2);
      expect(target.server.buckets.uploads('bucket').map(({ key }) => key)).toEqual([
        'lake/kit/partition=0/kit+0+0000000007.txt',
        'lake/kit/partition=1/kit+1+0000000007.jsonl',
      ]);
      await next.task.close();
    });
  });
});

/** The value once it has not moved for a while. */
async function settled(value: () => number): Promise<number> {
  for (let last = -1; ; ) {
    const now = value();
    if (now === last) return now;
    last = now;
    await new Promise((resolve) => setTimeout(resolve, 300));
  }
}
