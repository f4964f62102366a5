/** Runs the real `millrace` command as a user would, measures it, and looks at what it left behind. */

import { mkdirSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { systemClock } from '../../core/base/clock.ts';
import { silentLogger } from '../../core/base/logger.ts';
import { connectCluster, createFetcher, topicEnds } from '../../core/client/index.ts';
import { RecordCursor } from '../../core/protocol/record-cursor.ts';
import { startMillrace } from '../../test/crash/millrace-child.ts';
import { type CommandCost, measureCommand } from '../measure.ts';
import { describeProfiles, profilingFlags } from './profile.ts';

const bin = resolve(import.meta.dirname, '../../cli/bin.js');
const freePorts = ['--listen', '127.0.0.1:0', '--rest', '127.0.0.1:0'];

export interface MillraceRun {
  readonly pipeline: string;
  readonly dataDir: string;
  readonly env?: NodeJS.ProcessEnv;
  /** More of the command line. */
  readonly args?: readonly string[];
  /** Node leaves its CPU profiles here. */
  readonly profileInto?: string | undefined;
}

/** `millrace up … --once` with everything at its default but the ports. */
export async function runOnce({
  pipeline,
  dataDir,
  env,
  args: more = [],
  profileInto,
}: MillraceRun): Promise<CommandCost> {
  const flags = profileInto === undefined ? [] : profilingFlags(profileInto);
  const args = [
    ...flags,
    bin,
    'up',
    pipeline,
    '--once',
    '--data-dir',
    dataDir,
    ...freePorts,
    '--log-level',
    'warn',
    ...more,
  ];
  const cost = await measureCommand(process.execPath, args, env);
  if (profileInto !== undefined) console.log(describeProfiles(profileInto));
  return cost;
}

/** `millrace up …` that follows its files, until it is killed. */
export function startFollowing({ pipeline, dataDir, env }: MillraceRun) {
  return startMillrace(['up', pipeline, '--data-dir', dataDir, ...freePorts, '--log-level', 'warn'], env);
}

/** Records of topics in a stopped data directory, asked of a broker that is started on it for the question. */
export async function countRecords(dataDir: string, ...topics: readonly string[]): Promise<number> {
  const broker = startMillrace(['broker', '--data-dir', dataDir, '--listen', '127.0.0.1:0', '--log-level', 'warn']);
  try {
    const [, address = ''] = await broker.waitFor(/^broker\s+(\S+)/m);
    let count = 0;
    for (const topic of topics) count += await countCommitted(address, topic);
    return count;
  } finally {
    broker.process.kill('SIGTERM');
    await broker.ended;
  }
}

/** Reads the whole topic: its offsets count the markers of transactions, too. */
async function countCommitted(address: string, topic: string): Promise<number> {
  const cluster = connectCluster({
    bootstrapServers: [address],
    clientId: 'bench',
    clock: systemClock,
    logger: silentLogger,
  });
  const fetcher = createFetcher(cluster, { isolation: 'read_committed' });
  const cursor = new RecordCursor({ checkCrcs: false });
  let count = 0;
  try {
    const ends = await topicEnds(cluster, topic);
    const left = new Map(ends.filter(({ offset }) => offset > 0).map(({ partition, offset }) => [partition, offset]));
    fetcher.assign([...left.keys()].map((partition) => ({ topic, partition, offset: 'earliest' as const })));
    while (left.size > 0) {
      for (const { partition, records, fetchOffset, nextOffset, release } of await fetcher.next()) {
        cursor.reset(records, fetchOffset);
        while (cursor.next()) count += 1;
        release();
        if (nextOffset >= (left.get(partition) ?? 0)) left.delete(partition);
      }
    }
    return count;
  } finally {
    fetcher.close();
    cluster.close();
  }
}

/** The end offsets of a topic's partitions, summed. */
export async function countAt(bootstrapServers: string[], topic: string): Promise<number> {
  const cluster = connectCluster({ bootstrapServers, clientId: 'bench', clock: systemClock, logger: silentLogger });
  try {
    const ends = await topicEnds(cluster, topic);
    return ends.reduce((sum, { offset }) => sum + offset, 0);
  } finally {
    cluster.close();
  }
}

/** Writes a pipeline file into the folder and answers its path. */
export function pipelineFile(folder: string, name: string, lines: readonly string[]): string {
  mkdirSync(folder, { recursive: true });
  const path = join(folder, `${name}.yaml`);
  writeFileSync(path, `${[`pipeline: ${name}`, ...lines].join('\n')}\n`);
  return path;
}

/** A pipeline that reads the folder's `logs` into a topic of so many partitions; answers its path. */
export function logsIntoTopic(folder: string, topic: string, partitionCount: number): string {
  return pipelineFile(folder, topic, [
    'source:',
    '  connector: file',
    `  paths: ${join(folder, 'logs')}/*.log`,
    'topics:',
    `  ${topic}: { partitions: ${partitionCount} }`,
  ]);
}

/** Throws when the far end does not hold what was put in: such a run is no measurement. */
export function mustEqual(what: string, found: number, expected: number): void {
  if (found !== expected) throw new Error(`${what}: ${found} where ${expected} were put in`);
}
