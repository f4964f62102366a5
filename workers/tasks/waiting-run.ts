/** The run of a sink whose pattern matches no topic yet: it has no thread, and ends as soon as there is something to read. */

import type { SteeredRun } from './steered-run.ts';
import type { TaskEnd } from './task-host.ts';
import { TopicWatch, type TopicWatchOptions } from './topic-watch.ts';

export function waitForTopics(options: Omit<TopicWatchOptions, 'names' | 'onChanged'>): SteeredRun {
  const end = Promise.withResolvers<TaskEnd>();
  const stop = () => {
    watch.cancel();
    end.resolve({ how: 'stopped' });
    return end.promise;
  };
  const watch = new TopicWatch({ ...options, names: [], onChanged: () => void stop() });
  return {
    kind: 'sink',
    topics: [],
    ended: end.promise,
    setPaused: () => {},
    stop,
    readsAll: () => watch.isCurrent(),
    assignment: () => [],
    committed: () => [],
    drainTo: () => Promise.resolve(),
  };
}
