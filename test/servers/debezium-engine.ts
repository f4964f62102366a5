/** Debezium itself, newest from Maven Central, on a test's Postgres: its records as they would be written to topics. */

import { spawn } from 'node:child_process';
import { delimiter, join } from 'node:path';
import type { PostgresServer } from '../kits/postgres-server.ts';
import { cleanEnv, run, temporaryFolder } from './child.ts';
import { mavenClassPath } from './maven.ts';

const here = import.meta.dirname;

export interface DebeziumRecord {
  readonly topic: string;
  readonly key: string | null;
  readonly value: string | null;
  /** `name=value`, values as JSON with their schema. */
  readonly headers: readonly string[];
}

export interface Debezium {
  readonly records: readonly DebeziumRecord[];
  /** Resolves when a record satisfies; rejects when the engine ends or `timeoutMs` pass. */
  until(isThere: (records: readonly DebeziumRecord[]) => boolean, timeoutMs?: number): Promise<void>;
  close(): Promise<void>;
}

export async function startDebezium(
  server: PostgresServer,
  settings: Readonly<Record<string, string>>,
): Promise<Debezium> {
  const jars = await mavenClassPath(join(here, 'debezium', 'pom.xml'), 'debezium');
  const folder = await temporaryFolder('debezium');
  await run('javac', ['-nowarn', '-cp', jars, '-d', folder.path, join(here, 'java', 'DebeziumRecords.java')]);
  const all = {
    'database.hostname': server.host,
    'database.port': String(server.port),
    'database.user': server.user,
    'database.password': server.password,
    'database.dbname': server.database,
    ...settings,
  };
  const program = ['-cp', [folder.path, jars].join(delimiter), 'DebeziumRecords'];
  const args = [
    '-XX:TieredStopAtLevel=1',
    '-Xmx512m',
    ...program,
    ...Object.entries(all).map((pair) => pair.join('=')),
  ];
  const child = spawn('java', args, { env: cleanEnv(), stdio: ['ignore', 'pipe', 'pipe'] });
  const killWithUs = () => void child.kill('SIGKILL');
  process.once('exit', killWithUs);
  const records: DebeziumRecord[] = [];
  let wake = Promise.withResolvers<void>();
  let rest = '';
  let errors = '';
  let hasEnded = false;
  const changed = () => {
    wake.resolve();
    wake = Promise.withResolvers<void>();
  };
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    const lines = (rest + text).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) if (line.startsWith('record\t')) records.push(recordOf(line));
    changed();
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    errors = (errors + text).slice(-5000);
  });
  child.once('close', () => {
    hasEnded = true;
    process.off('exit', killWithUs);
    changed();
  });
  return {
    records,
    async until(isThere, timeoutMs = 90_000) {
      const deadlineMs = performance.now() + timeoutMs;
      const timer = setTimeout(changed, timeoutMs);
      try {
        while (!isThere(records)) {
          if (hasEnded || performance.now() >= deadlineMs)
            throw new Error(`it did not come: ${records.length} records\n${errors}`);
          await wake.promise;
        }
      } finally {
        clearTimeout(timer);
      }
    },
    async close() {
      child.kill('SIGKILL');
      while (!hasEnded) await wake.promise;
      await folder.remove();
    },
  };
}

function recordOf(line: string): DebeziumRecord {
  const [, topic = '', key = '', value = '', ...headers] = line.split('\t');
  return { topic, key: key === 'null' ? null : key, value: value === 'null' ? null : value, headers };
}
