/**
 * What exactly-once costs: the same files into a topic with records and offsets in transactions, and at least once, in turn:
 * `node bench/main-job/exactly-once.ts [--megabytes 1000] [--rounds 5]`.
 */

import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { runRounds, type Subject } from '../rounds.ts';
import { type Input, makeInput } from './input.ts';
import { countRecords, logsIntoTopic, mustEqual, runOnce } from './millrace.ts';
import { benchOptions, inFolder } from './options.ts';

const options = benchOptions({ rounds: 5, megabytes: 1000 });
const lineBytes = 234;
const fileCount = 4;
const topic = 'access';

function subject(folder: string, input: Input, name: string, support: 'enabled' | 'disabled'): Subject {
  const pipeline = logsIntoTopic(folder, topic, fileCount);
  return {
    name,
    async run() {
      const dataDir = join(folder, 'data');
      rmSync(dataDir, { recursive: true, force: true });
      const cost = await runOnce({ pipeline, dataDir, args: ['--exactly-once-source-support', support] });
      mustEqual('records in the topic', await countRecords(dataDir, topic), input.lines);
      return { ...cost, amount: input.bytes };
    },
  };
}

await inFolder(async (folder) => {
  const linesPerFile = Math.floor((options.megabytes * 1e6) / lineBytes / fileCount);
  const input = makeInput({ folder: join(folder, 'logs'), kind: 'access', fileCount, linesPerFile });
  const subjects = [
    subject(folder, input, 'exactly once', 'enabled'),
    subject(folder, input, 'at least once', 'disabled'),
    subject(folder, input, 'exactly once again (A/A)', 'enabled'),
  ];
  await runRounds(subjects, { rounds: options.rounds, unit: 'MB', unitSize: 1e6 });
});
