/** Reads everything a pattern matches in a process of its own and prints how much that was: `run-once.ts PATTERN`. */

import type { SourceOutput } from '../../../connectors/contract/source.ts';
import { connector } from '../../../connectors/file-source/index.ts';
import { systemClock } from '../../../core/base/clock.ts';
import { silentLogger } from '../../../core/base/logger.ts';
import { lineByLine } from '../../../workers/task-thread/line-by-line.ts';

const task = connector.createTask();
const files = new Set<number>();
let recordCount = 0;
const output: SourceOutput = {
  roomBytes: 2 ** 20,
  busy: undefined,
  partition(_topic, spread) {
    files.add(spread);
    const count = () => void recordCount++;
    return { append: count, appendLines: lineByLine(count), appendKeyed: count, appendRecord: count };
  },
  position() {},
  transactionEnds() {},
};
await task.open({
  connector: 'run-once',
  taskIndex: 0,
  settings: { name: 'run-once', 'connector.class': 'file', topic: 'logs', paths: process.argv[2]! },
  storedPositions: [],
  once: true,
  marksTransactions: false,
  clock: systemClock,
  logger: silentLogger,
  gauges: { add() {}, set() {} },
});
const { signal } = new AbortController();
while ((await task.poll(output, signal)) === 'more');
await task.close();
console.log(`${recordCount} records of ${files.size} files`);
