/**
 * The whole main job in one run: JSON lines from files through a topic into zstd-compressed objects of an S3 bucket:
 * `node bench/main-job/whole-job.ts [--megabytes 900] [--rounds 5] [--profile]`.
 */

import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { runRounds, type Subject } from '../rounds.ts';
import { type Input, makeInput } from './input.ts';
import { mustEqual, pipelineFile, runOnce } from './millrace.ts';
import { benchOptions, inFolder } from './options.ts';
import { s3SinkLines, startS3Target } from './s3-target.ts';

const options = benchOptions({ rounds: 5, megabytes: 900 });
const lineBytes = 225;
const fileCount = 4;

function millrace(folder: string, name: string, input: Input): Subject {
  return {
    name,
    async run() {
      const dataDir = join(folder, 'data');
      rmSync(dataDir, { recursive: true, force: true });
      const target = await startS3Target(folder);
      try {
        const pipeline = pipelineFile(folder, 'job', [
          'source:',
          '  connector: file',
          `  paths: ${join(folder, 'logs')}/*.log`,
          'topics:',
          `  job: { partitions: ${fileCount} }`,
          ...s3SinkLines(target.endpoint, ['format: jsonl', 's3.compression.type: zstd', 'flush.size: 500000']),
        ]);
        const profileInto = options.profile ? join(folder, 'profile') : undefined;
        const cost = await runOnce({ pipeline, dataDir, profileInto });
        mustEqual('lines in the bucket', (await target.countLines()).lines, input.lines);
        return { ...cost, amount: input.lines };
      } finally {
        await target.stop();
        rmSync(join(folder, 's3'), { recursive: true, force: true });
      }
    },
  };
}

await inFolder(async (folder) => {
  const linesPerFile = Math.floor((options.megabytes * 1e6) / lineBytes / fileCount);
  const input = makeInput({ folder: join(folder, 'logs'), kind: 'json', fileCount, linesPerFile });
  const subjects = [millrace(folder, 'Millrace, file to topic to S3', input)];
  if (!options.profile) subjects.push(millrace(folder, 'Millrace again (A/A)', input));
  await runRounds(subjects, { rounds: options.rounds, unit: 'thousand records', unitSize: 1000 });
});
