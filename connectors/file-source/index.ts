/** The file source: one task for all files, because only one reader can tell a renamed or copied file from a new one. */

import type { SourceConnector } from '../contract/source.ts';
import { definition } from './config.ts';
import { planGlobs } from './glob-plan.ts';
import { FileSourceTask } from './task.ts';

export const connector: SourceConnector = {
  /**
   * One task, whatever `maxTasks` allows: a file may be renamed, copied or compressed under any name the patterns match,
   * so no share by name would keep it from being read by two tasks.
   */
  async plan(settings) {
    const config = definition.require(settings);
    planGlobs(config.paths, config.exclude);
    return [{ ...settings }];
  },
  createTask: () => new FileSourceTask(),
};
