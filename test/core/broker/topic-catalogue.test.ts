/** The topic catalogue through crashes at every point: a topic is fully there or fully gone. */

import { describe, expect, test } from 'vitest';
import { silentLogger } from '../../../core/base/logger.ts';
import { CatalogueFiles } from '../../../core/broker/catalogue-files.ts';
import { isRefusal, type Refusal, type Topic, TopicCatalogue } from '../../../core/broker/topic-catalogue.ts';
import { openLogs } from '../../../core/log/log-manager.ts';
import { BatchBuilder } from '../../../core/protocol/batch-builder.ts';
import { kafkaErrors } from '../../../core/protocol/kafka-errors.ts';
import { FakeClock } from '../../fakes/fake-clock.ts';
import { FakeDisk } from '../../fakes/fake-disk.ts';

const dataDir = '/data';

async function open(disk: FakeDisk, forgotten: string[] = []) {
  const clock = new FakeClock();
  const logs = await openLogs({ disk, clock, logger: silentLogger, dataDir, durability: 'strict' });
  const files = new CatalogueFiles(disk, `${dataDir}/catalogue`);
  const catalogue = new TopicCatalogue(files, logs, silentLogger);
  await catalogue.load(await files.open());
  await catalogue.finishDeletions(async (topic) => void forgotten.push(topic));
  return { logs, catalogue };
}

const onLeaving = () => {};

async function create(catalogue: TopicCatalogue, name: string, partitionCount = 2): Promise<Topic> {
  const outcome = await catalogue.create({ name, partitionCount, configs: {} });
  if (isRefusal(outcome)) throw new Error(outcome.message);
  return outcome;
}

async function append(topic: Topic): Promise<void> {
  const builder = new BatchBuilder();
  builder.appendRecord({ key: null, value: Buffer.from('x'), timestampMs: Date.UTC(2026, 0, 1) });
  const result = await topic.partitions[0]?.append(builder.build(), { acks: -1, origin: 'client' });
  expect(result?.errorCode).toBe(0);
}

const survivals = [
  { kind: 'process' as const },
  { kind: 'power' as const },
  { kind: 'power' as const, keptNames: (count: number) => count },
  { kind: 'power' as const, keptNames: (count: number) => Math.ceil(count / 2) },
];

describe('crashes', () => {
  test.each(survivals)('creating and deleting survive %j at every step', async (crash) => {
    let isDone = false;
    for (let steps = 0; !isDone; steps++) {
      expect(steps).toBeLessThan(200);
      const disk = new FakeDisk();
      const { catalogue } = await open(disk);
      const old = await create(catalogue, 'old');
      await append(old);
      disk.dieAfter(steps);
      const acknowledged: string[] = [];
      try {
        await create(catalogue, 'fresh');
        acknowledged.push('created');
        await catalogue.delete('old', onLeaving);
        acknowledged.push('deleted');
        isDone = !disk.isDead;
      } catch {
        // The machine died; what was acknowledged before that must hold.
      }
      disk.crash(crash);
      const after = (await open(disk)).catalogue;
      if (acknowledged.includes('created')) expect(after.get('fresh')?.partitions).toHaveLength(2);
      if (acknowledged.includes('deleted')) expect(after.get('old')).toBeUndefined();
      if (!acknowledged.includes('created')) {
        // The delete was not even begun: the old topic has its identity and its record.
        expect(after.get('old')?.topicId).toBe(old.topicId);
        expect(after.get('old')?.partitions[0]?.highWatermark).toBe(1);
      }
      for (const name of ['old', 'fresh']) {
        const known = after.get(name);
        if (known !== undefined) expect(known.partitions).toHaveLength(2);
        else {
          // Gone means gone: the name is free and brings nothing old back.
          const anew = await create(after, name);
          expect(anew.partitions[0]?.logEndOffset).toBe(0);
          expect(anew.topicId).not.toBe(old.topicId);
        }
      }
    }
  });

  test('an interrupted deletion is finished at the next start, committed offsets included', async () => {
    const disk = new FakeDisk();
    const { catalogue } = await open(disk);
    await create(catalogue, 'old');
    await catalogue.finishDeletions(() => Promise.reject(new Error('the machine died')));
    await expect(catalogue.delete('old', onLeaving)).rejects.toThrow('died');
    disk.crash({ kind: 'power' });
    const forgotten: string[] = [];
    const after = await open(disk, forgotten);
    expect(forgotten).toEqual(['old']);
    expect(after.catalogue.get('old')).toBeUndefined();
    expect(after.logs.partition('old', 0)).toBeUndefined();
  });

  test('a full disk leaves no half topic behind', async () => {
    const disk = new FakeDisk();
    const { catalogue } = await open(disk);
    await create(catalogue, 'first');
    disk.fail('replaceFile', new Error('no space'), { nth: 2 });
    await expect(create(catalogue, 'second')).rejects.toThrow('no space');
    expect(catalogue.get('second')).toBeUndefined();
    await create(catalogue, 'second');
    expect(catalogue.get('second')?.partitions).toHaveLength(2);
  });
});

test('a deletion that failed is finished before the name is used again, and never takes the new topic', async () => {
  const disk = new FakeDisk();
  const { catalogue } = await open(disk);
  await append(await create(catalogue, 'name'));
  let isFull = true;
  await catalogue.finishDeletions(async () => {
    if (isFull) throw new Error('no space');
  });
  await expect(catalogue.delete('name', onLeaving)).rejects.toThrow('no space');
  await expect(create(catalogue, 'name')).rejects.toThrow('no space');
  isFull = false;
  const anew = await create(catalogue, 'name');
  expect(anew.partitions[0]?.logEndOffset).toBe(0);
  await append(anew);
  disk.crash({ kind: 'power' });
  const after = (await open(disk)).catalogue.get('name');
  expect(after?.topicId).toBe(anew.topicId);
  expect(after?.partitions[0]?.highWatermark).toBe(1);
});

describe('growing and settings', () => {
  const outcomeOf = <T extends object>(outcome: T | Refusal): T => {
    if (isRefusal(outcome)) throw new Error(outcome.message);
    return outcome;
  };

  test.each(survivals)('survive %j at every step', async (crash) => {
    let isDone = false;
    for (let steps = 0; !isDone; steps++) {
      expect(steps).toBeLessThan(200);
      const disk = new FakeDisk();
      const { catalogue } = await open(disk);
      await append(await create(catalogue, 'topic'));
      disk.dieAfter(steps);
      let partitions = [2, 4];
      let retention: (string | undefined)[] = [undefined, '5'];
      try {
        outcomeOf(await catalogue.grow('topic', 4));
        partitions = [4];
        outcomeOf(await catalogue.alterConfigs('topic', () => ({ 'retention.ms': '5' })));
        retention = ['5'];
        isDone = !disk.isDead;
      } catch {
        // The machine died; what was acknowledged before that must hold.
      }
      disk.crash(crash);
      const { catalogue: after, logs } = await open(disk);
      const topic = after.get('topic');
      expect(partitions).toContain(topic?.partitions.length);
      expect(retention).toContain(topic?.configs['retention.ms']);
      expect(topic?.partitions[0]?.highWatermark).toBe(1);
      for (const index of [2, 3]) {
        expect(logs.partition('topic', index) === undefined).toBe(topic?.partitions.length === 2);
      }
      expect(outcomeOf(await after.grow('topic', 5)).partitions).toHaveLength(5);
    }
  });

  test('a full disk leaves the topic as it was', async () => {
    const disk = new FakeDisk();
    const { catalogue, logs } = await open(disk);
    await create(catalogue, 'topic');
    disk.fail('replaceFile', new Error('no space'), { nth: 2 });
    await expect(catalogue.grow('topic', 4)).rejects.toThrow('no space');
    expect(catalogue.get('topic')?.partitions).toHaveLength(2);
    expect(logs.partition('topic', 2)).toBeUndefined();
    disk.fail('replaceFile', new Error('no space'));
    await expect(catalogue.alterConfigs('topic', () => ({ 'retention.ms': '5' }))).rejects.toThrow('no space');
    expect(catalogue.get('topic')?.configs).toEqual({});
    expect(outcomeOf(await catalogue.grow('topic', 4)).partitions).toHaveLength(4);
  });

  test('changes that come at once each see what the one before left', async () => {
    const { catalogue } = await open(new FakeDisk());
    await create(catalogue, 'topic');
    const names = ['retention.ms', 'retention.bytes', 'segment.ms', 'segment.bytes'];
    await Promise.all(names.map((name) => catalogue.alterConfigs('topic', (now) => ({ ...now, [name]: '100' }))));
    expect(Object.keys(catalogue.get('topic')?.configs ?? {}).toSorted()).toEqual(names.toSorted());
  });
});

describe('what is on disk is verified', () => {
  const topicFile = (disk: FakeDisk) => disk.files().find((file) => file.endsWith('.topic.json')) ?? '';

  async function damaged(change: (content: Buffer) => Buffer) {
    const disk = new FakeDisk();
    const { catalogue } = await open(disk);
    await create(catalogue, 'only');
    disk.crash({ kind: 'process' });
    disk.overwrite(topicFile(disk), change(disk.bytesOf(topicFile(disk))));
    return open(disk);
  }

  test('a changed byte stops the start', async () => {
    const flip = (content: Buffer) => {
      const copy = Buffer.from(content);
      copy[12] = (copy[12] ?? 0) ^ 1;
      return copy;
    };
    await expect(damaged(flip)).rejects.toMatchObject({ code: 'broker/catalogue-damaged' });
    await expect(damaged(() => Buffer.alloc(0))).rejects.toMatchObject({ code: 'broker/catalogue-damaged' });
  });

  test('a lost partition stops the start', async () => {
    const disk = new FakeDisk();
    const { catalogue } = await open(disk);
    await create(catalogue, 'only');
    disk.crash({ kind: 'process' });
    await disk.remove(`${dataDir}/only-1`);
    await expect(open(disk)).rejects.toMatchObject({ code: 'broker/partition-missing', where: 'only-1' });
  });
});

test('requests that change the same name at once see each other', async () => {
  const { catalogue } = await open(new FakeDisk());
  const attempts = Array.from({ length: 5 }, () => catalogue.create({ name: 'race', partitionCount: 1, configs: {} }));
  const outcomes = await Promise.all(attempts);
  expect(outcomes.filter((outcome) => !isRefusal(outcome))).toHaveLength(1);
  const refused = outcomes.filter(isRefusal).map(({ errorCode }) => errorCode);
  expect(new Set(refused)).toEqual(new Set([kafkaErrors.TOPIC_ALREADY_EXISTS]));
});

test('topics that are asked for together are made together, and of names that collide the first one is', async () => {
  const { catalogue } = await open(new FakeDisk());
  const names = ['a', 'b.c', 'b_c', 'd', 'e', 'b.c', 'f', 'g', 'h', 'i', 'j', 'k'];
  const outcomes = await Promise.all(
    names.map((name, index) => catalogue.create({ name, partitionCount: 1 + (index % 3), configs: {} })),
  );
  const refused = outcomes.map((outcome) => (isRefusal(outcome) ? outcome.errorCode : 0));
  const { INVALID_TOPIC_EXCEPTION, TOPIC_ALREADY_EXISTS } = kafkaErrors;
  const expected = { 2: INVALID_TOPIC_EXCEPTION, 5: TOPIC_ALREADY_EXISTS };
  expect(Object.fromEntries(refused.entries().filter(([, code]) => code !== 0))).toEqual(expected);
  expect([...catalogue.all()].map(({ name }) => name).sort()).toEqual(['a', 'b.c', ...'defghijk']);
});

test.each(survivals)('many creations at once survive %j at every step', async (crash) => {
  const names = ['a', 'b', 'c'];
  for (let steps = 0; ; steps++) {
    const disk = new FakeDisk();
    const { catalogue } = await open(disk);
    disk.dieAfter(steps);
    const outcomes = await Promise.allSettled(names.map((name) => create(catalogue, name)));
    disk.crash(crash);
    const { catalogue: after } = await open(disk);
    for (const [index, { status }] of outcomes.entries()) {
      const topic = after.get(names[index]!);
      if (status === 'fulfilled') expect(topic).toBeDefined();
      if (topic === undefined) await create(after, names[index]!);
      await append(after.get(names[index]!)!);
    }
    if (outcomes.every(({ status }) => status === 'fulfilled')) break;
  }
});

test('a topic that cannot be made leaves the others of its round alone, and nothing behind', async () => {
  const disk = new FakeDisk();
  const { catalogue, logs } = await open(disk);
  disk.capacityBytes = disk.usedBytes + 400;
  const outcomes = await Promise.allSettled(['a', 'b', 'c', 'd'].map((name) => create(catalogue, name, 1)));
  const made = ['a', 'b', 'c', 'd'].filter((_, index) => outcomes[index]!.status === 'fulfilled');
  expect(made.length).toBeLessThan(4);
  expect([...catalogue.all()].map(({ name }) => name)).toEqual(made);
  for (const name of ['a', 'b', 'c', 'd']) {
    if (!made.includes(name)) expect(logs.partition(name, 0)).toBeUndefined();
  }
  disk.capacityBytes = Number.POSITIVE_INFINITY;
  for (const name of ['a', 'b', 'c', 'd']) if (!made.includes(name)) await create(catalogue, name, 1);
});
