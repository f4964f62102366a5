/**
 * How many JSON records a CPU-second brings from a topic into zstd-compressed objects of an S3 bucket:
 * `node bench/main-job/topic-to-s3.ts [--megabytes 900] [--rounds 5] [--profile]`.
 */

import { cpSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { runRounds, type Subject } from '../rounds.ts';
import { makeInput } from './input.ts';
import { countRecords, mustEqual, pipelineFile, runOnce } from './millrace.ts';
import { benchOptions, inFolder } from './options.ts';
import { s3SinkLines, startS3Target } from './s3-target.ts';

const options = benchOptions({ rounds: 5, megabytes: 900 });
const lineBytes = 225;
const partitionCount = 4;
const topic = 'events';

/** A data directory whose topic holds the lines; answers how many. */
async function fillTopic(folder: string, dataDir: string): Promise<number> {
  const linesPerFile = Math.floor((options.megabytes * 1e6) / lineBytes / partitionCount);
  const logs = join(folder, 'logs');
  const input = makeInput({ folder: logs, kind: 'json', fileCount: partitionCount, linesPerFile });
  const pipeline = pipelineFile(folder, topic, [
    'source:',
    '  connector: file',
    `  paths: ${logs}/*.log`,
    'topics:',
    `  ${topic}: { partitions: ${partitionCount} }`,
  ]);
  await runOnce({ pipeline, dataDir });
  mustEqual('records in the topic', await countRecords(dataDir, topic), input.lines);
  rmSync(logs, { recursive: true, force: true });
  return input.lines;
}

function millrace(folder: string, name: string, filled: { dataDir: string; lines: number }): Subject {
  return {
    name,
    async run() {
      const dataDir = join(folder, 'data');
      rmSync(dataDir, { recursive: true, force: true });
      cpSync(filled.dataDir, dataDir, { recursive: true });
      const target = await startS3Target(folder);
      try {
        const sink = s3SinkLines(target.endpoint, ['format: jsonl', 's3.compression.type: zstd', 'flush.size: 500000']);
        const pipeline = pipelineFile(folder, 'sink', [`source: { topic: ${topic} }`, ...sink]);
        const profileInto = options.profile ? join(folder, 'profile') : undefined;
        const cost = await runOnce({ pipeline, dataDir, profileInto });
        mustEqual('lines in the bucket', (await target.countLines()).lines, filled.lines);
        return { ...cost, amount: filled.lines };
      } finally {
        await target.stop();
        rmSync(join(folder, 's3'), { recursive: true, force: true });
      }
    },
  };
}

await inFolder(async (folder) => {
  const dataDir = join(folder, 'filled');
  const filled = { dataDir, lines: await fillTopic(folder, dataDir) };
  const subjects = [millrace(folder, 'Millrace, topic to S3', filled)];
  if (!options.profile) subjects.push(millrace(folder, 'Millrace again (A/A)', filled));
  await runRounds(subjects, { rounds: options.rounds, unit: 'thousand records', unitSize: 1000 });
});
