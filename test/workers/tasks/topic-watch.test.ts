/** When a run that reads by pattern hears of other topics. */

import { expect, test } from 'vitest';
import { silentLogger } from '../../../core/base/logger.ts';
import { TopicWatch } from '../../../workers/tasks/topic-watch.ts';
import { Topics } from '../../../workers/topics.ts';
import { FakeClock } from '../../fakes/fake-clock.ts';

class Watched {
  readonly there: string[] = [];
  readonly clock = new FakeClock();
  looks = 0;
  changes = 0;
  broken = false;
  readonly topics = new Topics({
    admin: {
      ensureTopics: async (specs) => this.there.push(...specs.map(({ topic }) => topic)),
      listTopics: async () => {
        this.looks++;
        if (this.broken) throw new Error('the broker is away');
        return [...this.there];
      },
      describeConfigs: async () => ({}),
      fetchGroupOffsets: async () => [],
    },
    partitionCount: async () => 1,
  });

  watch(names: readonly string[], madeCount = this.topics.madeCount): TopicWatch {
    const onChanged = () => {
      this.changes++;
    };
    const { topics, clock } = this;
    return new TopicWatch({ topics, clock, names, madeCount, onChanged, pattern: /a.*/u, logger: silentLogger });
  }
}

test('half a second after the first topic is made, once for all that were made meanwhile', async () => {
  const watched = new Watched();
  watched.watch([]);
  await watched.topics.ensure('a1', 'records');
  await watched.clock.advance(300);
  await watched.topics.ensure('a2', 'records');
  await watched.clock.advance(199);
  expect(watched.looks).toBe(0);
  await watched.clock.advance(1);
  expect(watched).toMatchObject({ looks: 1, changes: 1 });
  await watched.clock.advance(100_000);
  expect(watched).toMatchObject({ looks: 1, changes: 1 });
});

test('later while there is something to read, and not for topics of others', async () => {
  const watched = new Watched();
  watched.there.push('a1');
  watched.watch(['a1']);
  await watched.topics.ensure('b', 'records');
  await watched.clock.advance(5_000);
  expect(watched).toMatchObject({ looks: 1, changes: 0 });
  await watched.topics.ensure('a2', 'records');
  await watched.clock.advance(5_000);
  expect(watched).toMatchObject({ looks: 2, changes: 1 });
});

test('of topics that other programs make within half a minute, also after a failed look', async () => {
  const watched = new Watched();
  watched.watch([]);
  watched.broken = true;
  await watched.clock.advance(30_000);
  watched.broken = false;
  watched.there.push('a1');
  await watched.clock.advance(29_999);
  expect(watched).toMatchObject({ looks: 1, changes: 0 });
  await watched.clock.advance(1);
  expect(watched).toMatchObject({ looks: 2, changes: 1 });
});

test('of a topic that was made between the asking and the watching', async () => {
  const watched = new Watched();
  const { madeCount } = watched.topics;
  await watched.topics.ensure('a1', 'records');
  watched.watch([], madeCount);
  await watched.clock.advance(500);
  expect(watched.changes).toBe(1);
});

test('at once when asked, and never after the end', async () => {
  const watched = new Watched();
  const watch = watched.watch([]);
  expect(await watch.isCurrent()).toBe(true);
  watched.there.push('a1');
  expect(await watch.isCurrent()).toBe(false);
  expect(await watch.isCurrent()).toBe(false);
  expect(watched.changes).toBe(1);
  const ended = watched.watch([]);
  ended.cancel();
  await watched.clock.advance(100_000);
  expect(watched).toMatchObject({ changes: 1, clock: { waitingCount: 0 } });
});
