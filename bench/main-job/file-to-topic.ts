/**
 * How many bytes of log a CPU-second brings from files into a topic, beside rsyslog (file to file) and Kafka Connect:
 * `node bench/main-job/file-to-topic.ts [--megabytes 1000] [--rounds 5] [--no-peers] [--profile]`.
 */

import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { startConnectPeer } from '../peers/kafka-connect.ts';
import { rsyslogIsInstalled, runRsyslog } from '../peers/rsyslog.ts';
import { runRounds, type Subject } from '../rounds.ts';
import { type Input, makeInput } from './input.ts';
import { countRecords, logsIntoTopic, mustEqual, runOnce } from './millrace.ts';
import { benchOptions, inFolder } from './options.ts';

const options = benchOptions({ rounds: 5, megabytes: 1000 });
const lineBytes = 234;
const fileCount = 4;
const topic = 'access';

function millrace(folder: string, name: string, input: Input): Subject {
  const pipeline = logsIntoTopic(folder, topic, fileCount);
  return {
    name,
    async run() {
      const dataDir = join(folder, 'data');
      rmSync(dataDir, { recursive: true, force: true });
      const profileInto = options.profile ? join(folder, 'profile') : undefined;
      const cost = await runOnce({ pipeline, dataDir, profileInto });
      mustEqual('records in the topic', await countRecords(dataDir, topic), input.lines);
      return { ...cost, amount: input.bytes };
    },
  };
}

await inFolder(async (folder) => {
  mkdirSync(folder, { recursive: true });
  const linesPerFile = Math.floor((options.megabytes * 1e6) / lineBytes / fileCount);
  const input = makeInput({ folder: join(folder, 'logs'), kind: 'access', fileCount, linesPerFile });
  const subjects = [millrace(folder, 'Millrace, file to topic', input)];
  const connect = options.withPeers ? await startConnectPeer(join(folder, 'connect')) : undefined;
  try {
    if (!options.profile) subjects.push(millrace(folder, 'Millrace again (A/A)', input));
    if (options.withPeers && (await rsyslogIsInstalled())) {
      const run = async () => ({ ...(await runRsyslog(join(folder, 'rsyslog'), input)), amount: input.bytes });
      subjects.push({ name: 'rsyslog, file to file', run });
    }
    if (connect !== undefined) {
      const run = async () => ({ ...(await connect.readFiles(input)), amount: input.bytes });
      subjects.push({ name: 'Kafka Connect FileStreamSource and its broker', run });
    }
    await runRounds(subjects, { rounds: options.rounds, unit: 'MB', unitSize: 1e6 });
  } finally {
    await connect?.close();
  }
});
