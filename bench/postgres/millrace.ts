/** Our side of change data capture: the pipeline, and the whole process that follows a database. */

import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startMillrace } from '../../test/crash/millrace-child.ts';
import { freePort } from '../../test/free-port.ts';
import { pipelineFile } from '../main-job/millrace.ts';
import { describeProfiles, profilingFlags } from '../main-job/profile.ts';
import { type Database, isSlotActive, publicationName, until } from './database.ts';
import type { Follower } from './follower.ts';

export const topicPrefix = 'shop';

export function topicOf(table: string): string {
  return `${topicPrefix}.${table}`;
}

export interface CaptureOptions {
  readonly folder: string;
  readonly database: Database;
  readonly slotName: string;
  /** Lines of the source's settings. */
  readonly settings?: readonly string[];
  /** Settings of the topics beside their one partition. */
  readonly topicSettings?: readonly string[];
  /** More of the command line. */
  readonly args?: readonly string[];
  /** What is kept of open transactions lies in its `millrace-spool`; the system's unless told. */
  readonly temporaryFolder?: string;
  /** Node leaves its CPU profiles here. */
  readonly profileInto?: string | undefined;
}

/** Debezium's envelope without schemas, as its peer writes it; answers the path of the file. */
export function capturePipeline({
  folder,
  database,
  slotName,
  settings = [],
  topicSettings = [],
}: CaptureOptions): string {
  return pipelineFile(folder, 'shop', [
    'source:',
    '  connector: postgres',
    `  database.url: ${database.server.url}`,
    `  topic.prefix: ${topicPrefix}`,
    `  slot.name: ${slotName}`,
    `  publication.name: ${publicationName}`,
    '  publication.autocreate.mode: disabled',
    '  key.converter.schemas.enable: false',
    '  value.converter.schemas.enable: false',
    ...settings.map((line) => `  ${line}`),
    'topics:',
    ...database.tables.map((table) => `  ${topicOf(table)}: { ${['partitions: 1', ...topicSettings].join(', ')} }`),
  ]);
}

export interface StartedMillrace extends Follower {}

/** Starts the process and waits for nothing. */
export async function launchMillrace(options: CaptureOptions): Promise<StartedMillrace> {
  const { folder, temporaryFolder, profileInto } = options;
  const compiled = { NODE_COMPILE_CACHE: join(tmpdir(), 'node-compile-cache') };
  const env = temporaryFolder === undefined ? {} : { ...compiled, TMPDIR: temporaryFolder };
  const listen = `127.0.0.1:${await freePort()}`;
  const args = [
    'up',
    capturePipeline(options),
    '--data-dir',
    join(folder, 'data'),
    '--log-level',
    'warn',
    ...(options.args ?? []),
  ];
  const flags = profileInto === undefined ? [] : profilingFlags(profileInto);
  const child = startMillrace([...args, '--listen', listen, '--rest', '127.0.0.1:0'], env, flags);
  let isStopping = false;
  void child.ended.then((code) => {
    if (!isStopping) console.error(`Millrace has ended with ${code}:\n${child.output()}`);
  });
  return {
    processes: [{ pid: child.process.pid ?? -1 }],
    bootstrapServers: [listen],
    topicOf,
    async stop() {
      isStopping = true;
      child.process.kill('SIGTERM');
      await child.ended;
      if (profileInto !== undefined) console.log(describeProfiles(profileInto));
    },
  };
}

/** Starts the process on a slot that is there and waits until it reads it. */
export async function followWithMillrace(options: CaptureOptions): Promise<StartedMillrace> {
  const settings = [...(options.settings ?? []), 'snapshot.mode: no_data'];
  const millrace = await launchMillrace({ ...options, settings });
  await until('Millrace reads its slot', () => isSlotActive(options.database, options.slotName));
  return millrace;
}
