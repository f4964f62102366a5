/** The Postgres source: one task, because a slot has one reader and a transaction one order. */

import type { SourceConnector } from '../contract/source.ts';
import { cleanUp } from './clean-up.ts';
import { definition } from './config.ts';
import { examine } from './doctor/examine.ts';
import { PostgresSourceTask } from './task.ts';

export const connector: SourceConnector = {
  async plan(settings) {
    definition.require(settings);
    return [{ ...settings }];
  },
  createTask: () => new PostgresSourceTask(),
  examine,
  cleanUp,
};
