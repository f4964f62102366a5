/** The inline scheduler passes the suite for schedulers. */

import { InlineScheduler } from '../../workers/scheduler/inline-scheduler.ts';
import { schedulerKit } from '../kits/scheduler-kit.ts';

schedulerKit('the inline scheduler', async () => new InlineScheduler());
