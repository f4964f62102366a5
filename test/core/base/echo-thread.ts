/** A thread that sends back whatever comes over its stream. */

import { workerData } from 'node:worker_threads';
import { ThreadStream, type ThreadStreamEnd } from '../../../core/base/thread-stream.ts';

const stream = new ThreadStream(workerData as ThreadStreamEnd);
stream.bind({
  onData: (chunk) => stream.write([Buffer.from(chunk)]),
  onEnd: () => {},
  onClose: () => {},
});
