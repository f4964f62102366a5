/** The suite every scheduler must pass. */

import { describe, expect, test } from 'vitest';
import type { DesiredTask } from '../../workers/herder/reconcile.ts';
import type { Scheduler, TaskLease } from '../../workers/scheduler/scheduler.ts';

export function desiredTask(connector: string, index: number, fingerprint = 'v1'): DesiredTask {
  return { connector, index, settings: {}, connectorSettings: {}, fingerprint, paused: false };
}

/** Runs of tasks that end when told so, and what was seen of them. */
class Runs {
  readonly events: string[] = [];
  readonly leases: TaskLease[] = [];
  /** By name: resolves when the run may end after its signal aborted. */
  readonly #holds = new Map<string, Promise<void>>();

  readonly run = async (lease: TaskLease): Promise<void> => {
    const name = `${lease.task.connector}-${lease.task.index}:${lease.task.fingerprint}`;
    this.leases.push(lease);
    this.events.push(`start ${name}`);
    await new Promise<void>((resolve) => {
      if (lease.signal.aborted) resolve();
      lease.signal.addEventListener('abort', () => resolve(), { once: true });
    });
    await this.#holds.get(name);
    this.events.push(`end ${name}`);
  };

  /** The run takes its time to end. */
  hold(name: string): () => void {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#holds.set(name, promise);
    return resolve;
  }

  async seen(event: string): Promise<void> {
    for (let turns = 0; !this.events.includes(event); turns++) {
      if (turns > 2_000) throw new Error(`never saw ${event}, only ${this.events.join(', ')}`);
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
  }
}

export function schedulerKit(name: string, create: () => Promise<Scheduler>): void {
  describe(name, () => {
    test('runs what is wanted, once, however often that is said', async () => {
      const scheduler = await create();
      const runs = new Runs();
      scheduler.start(runs.run);
      const tasks = [desiredTask('a', 0), desiredTask('a', 1)];
      for (let times = 0; times < 3; times++) scheduler.assign(tasks);
      await runs.seen('start a-1:v1');
      scheduler.assign(tasks.slice(0, 1));
      await runs.seen('end a-1:v1');
      expect(runs.events).toEqual(['start a-0:v1', 'start a-1:v1', 'end a-1:v1']);
      await scheduler.close();
      expect(runs.events.at(-1)).toBe('end a-0:v1');
    });

    test('runs what was wanted before it was started', async () => {
      const scheduler = await create();
      const runs = new Runs();
      scheduler.assign([desiredTask('a', 0)]);
      scheduler.start(runs.run);
      await runs.seen('start a-0:v1');
      await scheduler.close();
    });

    test('never runs a task twice at a time: a changed one ends before it starts anew (promise 4)', async () => {
      const scheduler = await create();
      const runs = new Runs();
      scheduler.start(runs.run);
      scheduler.assign([desiredTask('a', 0)]);
      await runs.seen('start a-0:v1');
      const release = runs.hold('a-0:v1');
      scheduler.assign([desiredTask('a', 0, 'v2')]);
      scheduler.assign([desiredTask('a', 0, 'v3')]);
      await new Promise((resolve) => setTimeout(resolve, 20));
      expect(runs.events).toEqual(['start a-0:v1']);
      release();
      await runs.seen('start a-0:v3');
      expect(runs.events).toEqual(['start a-0:v1', 'end a-0:v1', 'start a-0:v3']);
      const [first, second] = runs.leases;
      expect(second!.epoch).toBeGreaterThan(first!.epoch);
      await scheduler.close();
    });

    test('pausing is no reason to end a run', async () => {
      const scheduler = await create();
      const runs = new Runs();
      scheduler.start(runs.run);
      scheduler.assign([desiredTask('a', 0)]);
      await runs.seen('start a-0:v1');
      scheduler.assign([{ ...desiredTask('a', 0), paused: true }]);
      await new Promise((resolve) => setTimeout(resolve, 20));
      expect(runs.events).toEqual(['start a-0:v1']);
      await scheduler.close();
    });

    test('closing waits for every run, and nothing starts afterwards', async () => {
      const scheduler = await create();
      const runs = new Runs();
      scheduler.start(runs.run);
      scheduler.assign([desiredTask('a', 0)]);
      await runs.seen('start a-0:v1');
      const release = runs.hold('a-0:v1');
      let isClosed = false;
      const closing = scheduler.close().then(() => {
        isClosed = true;
      });
      scheduler.assign([desiredTask('b', 0)]);
      await new Promise((resolve) => setTimeout(resolve, 20));
      expect(isClosed).toBe(false);
      release();
      await closing;
      expect(runs.events).toEqual(['start a-0:v1', 'end a-0:v1']);
    });
  });
}
