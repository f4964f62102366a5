/** Compiles the Java programs beside this file against Kafka's own libraries, and runs them. */

import { spawn } from 'node:child_process';
import { mkdir } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { cleanEnv, run } from './child.ts';
import { kafkaClassPath } from './kafka-server.ts';

const here = import.meta.dirname;

/** For short-lived programs: start fast rather than run fast, small, and quiet on standard output. */
const javaOptions = [
  '-XX:TieredStopAtLevel=1',
  '-Xmx256m',
  `-Dlog4j2.configurationFile=${join(here, 'kafka', 'quiet.yaml')}`,
];

/** Compiles `java/<name>.java` into `folder`; resolves to the arguments for `java` that run it. */
export async function compileJava(name: string, folder: string): Promise<string[]> {
  const classPath = await kafkaClassPath();
  await mkdir(folder, { recursive: true });
  await run('javac', ['-nowarn', '-cp', classPath, '-d', folder, join(here, 'java', `${name}.java`)]);
  return [...javaOptions, '-cp', [folder, classPath].join(delimiter), name];
}

export interface JavaProgram {
  /** Resolves when a line on its standard output starts so; rejects when it ends before. */
  line(start: string, timeoutMs?: number): Promise<string>;
  /** Sends it a line. */
  tell(line: string): void;
  /** Resolves when it is gone. */
  kill(): Promise<void>;
}

export function startJava(args: readonly string[]): JavaProgram {
  const child = spawn('java', [...args], { env: cleanEnv(), stdio: 'pipe' });
  const killWithUs = () => void child.kill('SIGKILL');
  process.once('exit', killWithUs);
  let output = '';
  let errors = '';
  let hasEnded = false;
  let wake = Promise.withResolvers<void>();
  const changed = () => {
    wake.resolve();
    wake = Promise.withResolvers<void>();
  };
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text;
    changed();
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    errors = (errors + text).slice(-20_000);
  });
  child.once('close', () => {
    process.off('exit', killWithUs);
    hasEnded = true;
    changed();
  });
  return {
    line: async (start, timeoutMs = 90_000) => {
      const deadline = setTimeout(changed, timeoutMs);
      const deadlineMs = performance.now() + timeoutMs;
      try {
        for (;;) {
          const found = output.split('\n').find((line) => line.startsWith(start));
          if (found !== undefined) return found;
          if (hasEnded || performance.now() >= deadlineMs)
            throw new Error(`no line '${start}' in:\n${output}\n${errors}`);
          await wake.promise;
        }
      } finally {
        clearTimeout(deadline);
      }
    },
    tell: (line) => void child.stdin.write(`${line}\n`),
    kill: async () => {
      child.kill('SIGKILL');
      while (!hasEnded) await wake.promise;
    },
  };
}
