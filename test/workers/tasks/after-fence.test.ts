/** A source task whose writes were refused: stopped when another worker has it, started again when nobody has. */

import { describe, expect, test } from 'vitest';
import { silentLogger } from '../../../core/base/logger.ts';
import type { RunState, Status } from '../../../workers/stores/status-records.ts';
import { judgeFence, ownsElsewhere } from '../../../workers/tasks/after-fence.ts';
import { defaultRestartPolicy } from '../../../workers/tasks/restart-delay.ts';
import type { TaskEnd } from '../../../workers/tasks/task-host.ts';
import { TaskSupervisor, type TaskView } from '../../../workers/tasks/task-supervisor.ts';
import { FakeClock } from '../../fakes/fake-clock.ts';

const said = (state: RunState, workerId: string): Status => ({
  state,
  workerId,
  trace: null,
  generation: 0,
  version: null,
});

const failed = (code: string): TaskEnd => ({
  how: 'failed',
  error: { code, message: 'refused', where: undefined, fix: undefined, retriable: false, trace: '' },
});

describe('who has the task', () => {
  test.each([
    [undefined, false],
    [said('RUNNING', 'me:1'), false],
    [said('FAILED', 'other:2'), false],
    [said('RUNNING', 'other:2'), true],
    [said('UNASSIGNED', 'other:2'), true],
  ])('%o', (last, isElsewhere) => {
    expect(ownsElsewhere(last, 'me:1')).toBe(isElsewhere);
  });
});

describe('what becomes of the run', () => {
  test('it is over when another worker has the task', async () => {
    const end = await judgeFence(failed('client/fenced'), async () => true);
    expect(end).toMatchObject({ how: 'replaced', error: { code: 'client/fenced' } });
  });

  test('it starts again when nobody has it, and when nobody can tell', async () => {
    const unknown = () => Promise.reject(new Error('the status topic cannot be read'));
    for (const isElsewhere of [async () => false, unknown]) {
      expect(await judgeFence(failed('client/fenced'), isElsewhere)).toMatchObject({ error: { retriable: true } });
    }
  });

  test('another end is left as it is', async () => {
    const end = failed('client/refused');
    expect(await judgeFence(end, () => Promise.reject(new Error('not asked')))).toBe(end);
  });
});

describe('what is said of the task', () => {
  test('nothing by a worker that was replaced, until it is told to start the task again', async () => {
    const views: TaskView[] = [];
    const ends = [Promise.withResolvers<TaskEnd>(), Promise.withResolvers<TaskEnd>()];
    let runs = 0;
    const lease = new AbortController();
    const supervisor = new TaskSupervisor({
      startRun: async (onRunning) => {
        const end = ends[runs]!;
        runs += 1;
        onRunning();
        const stop = () => {
          end.resolve({ how: 'stopped' });
          return end.promise;
        };
        return { ended: end.promise, setPaused: () => {}, stop };
      },
      paused: false,
      policy: defaultRestartPolicy,
      ...{ clock: new FakeClock(), logger: silentLogger, onView: (view: TaskView) => void views.push(view) },
    });
    const supervised = supervisor.supervise(lease.signal);
    const replaced = await judgeFence(failed('client/fenced'), async () => true);
    ends[0]!.resolve(replaced);
    const last = () => views.at(-1)!;
    await expect.poll(() => last().isElsewhere).toBe(true);
    expect([runs, last().state]).toEqual([1, 'FAILED']);
    supervisor.restart();
    await expect.poll(() => runs).toBe(2);
    await expect.poll(() => [last().isElsewhere, last().state]).toEqual([false, 'RUNNING']);
    lease.abort();
    await supervised;
  });
});
