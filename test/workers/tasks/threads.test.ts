/** What a misbehaving task does to itself and to nobody else. */

import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { openWorld, until, type World } from '../fixtures/running-worker.ts';

let world: World;

beforeAll(async () => {
  world = await openWorld({
    restartPolicy: { firstDelayMs: 50, longestDelayMs: 200 },
    threadLimits: { oldGenerationMb: 48 },
    taskStopMs: 700,
  });
});

afterEach(async () => {
  for (const name of world.worker.herder.connectorNames) await world.worker.herder.commands.remove(name);
  await until(
    () => world.worker.herder.tasks().length,
    (count) => count === 0,
  );
});

afterAll(() => world.close());

const put = (name: string, more: Record<string, string> = {}) =>
  world.worker.herder.commands.put(name, {
    name,
    'connector.class': 'counting',
    topic: `${name}-topic`,
    'records.total': '100000000',
    'records.per.poll': '5',
    'poll.pause.ms': '5',
    ...more,
  });

const viewOf = (name: string) => world.worker.herder.tasks().find(({ task }) => task.connector === name)?.view;

const recordsOf = (name: string) =>
  world.worker.numbers.all().find(({ connector }) => connector === name)?.totals['source_records_total'] ?? 0;

async function bystanderRuns(): Promise<void> {
  const before = recordsOf('bystander');
  await until(
    () => recordsOf('bystander'),
    (count) => count > before,
  );
  expect(viewOf('bystander')).toMatchObject({ state: 'RUNNING', restarts: 0 });
}

describe('a task that', () => {
  test.each([
    ['throws where nobody catches', 'crash', 'worker/thread-crashed: the task crashed: nobody catches this'],
    ['runs out of memory', 'memory', 'worker/thread-out-of-memory'],
    ['throws from poll', 'poll', 'the poll failed'],
    ['cannot be opened', 'open', 'the source could not be opened'],
  ])('%s ends alone, is shown, and starts again by itself', async (_, fail, trace) => {
    await put('bystander');
    await put('broken', { fail });
    const failed = await until(
      () => viewOf('broken'),
      (view) => view?.state === 'FAILED',
    );
    expect(failed?.trace).toContain(trace);
    const status = await until(
      () => world.worker.herder.status('broken'),
      (now) => now?.health.state === 'DEGRADED' && now.connector.state === 'RUNNING',
    );
    expect(status?.tasks[0]?.trace).toContain(trace);
    const unhealthy = await until(
      () => world.worker.health(),
      ({ status: now }) => now === 'unhealthy',
    );
    expect(unhealthy.message).toContain('broken-0');
    await until(
      () => viewOf('broken')?.restarts ?? 0,
      (restarts) => restarts >= 2,
    );
    await bystanderRuns();
  });

  test.each([
    ['computes without end', 'busy'],
    ['waits for ever', 'hang'],
    ['never closes', 'close-hangs'],
  ])('%s is ended when its time to stop is over, and blocks nobody', async (_, fail) => {
    await put('bystander');
    await put('stuck', { fail });
    await until(
      () => recordsOf('stuck'),
      (count) => count > 0 || fail === 'busy',
    );
    await until(
      () => viewOf('stuck')?.state,
      (state) => state === 'RUNNING',
    );
    await bystanderRuns();
    const startedMs = performance.now();
    await world.worker.herder.commands.setTarget('stuck', 'STOPPED');
    await until(
      () => viewOf('stuck'),
      (view) => view === undefined,
    );
    expect(performance.now() - startedMs).toBeLessThan(5_000);
    await bystanderRuns();
  });

  test('was healed runs again, with what it had counted still counted', async () => {
    await put('healed', { fail: 'poll' });
    await until(
      () => viewOf('healed')?.restarts ?? 0,
      (restarts) => restarts >= 1,
    );
    const before = await until(
      () => recordsOf('healed'),
      (count) => count >= 10,
    );
    await put('healed');
    await until(
      () => recordsOf('healed'),
      (count) => count > before,
    );
    await until(
      () => world.worker.health().status,
      (status) => status === 'healthy',
    );
  });

  test('is told to restart while it waits starts at once', async () => {
    await put('impatient', { fail: 'open' });
    await until(
      () => viewOf('impatient')?.restarts ?? 0,
      (restarts) => restarts >= 3,
    );
    const { restarts } = viewOf('impatient')!;
    expect(world.worker.herder.restartTask('impatient', 0)).toBe(true);
    await until(
      () => viewOf('impatient')?.restarts ?? 0,
      (now) => now > restarts,
    );
  });
});
