/** The S3 sink: topics become objects. */

import type { SinkConnector } from '../contract/sink.ts';
import { S3SinkTask } from './task.ts';

export const connector: SinkConnector = {
  createTask: () => new S3SinkTask(),
};
