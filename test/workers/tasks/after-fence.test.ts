/** A source task whose writes were refused: stopped when another worker has it, started again when nobody has. */

import { describe, expect, test } from 'vitest';
import type { RunState, Status } from '../../../workers/stores/status-records.ts';
import { judgeFence, ownsElsewhere } from '../../../workers/tasks/after-fence.ts';
import type { TaskEnd } from '../../../workers/tasks/task-host.ts';

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
  test('it stays failed when another worker has the task', async () => {
    expect(await judgeFence(failed('client/fenced'), async () => true)).toMatchObject({ error: { retriable: false } });
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
