/** Compiles the Java programs beside this file against Kafka's own libraries, and tells how to run them. */

import { mkdir } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { run } from './child.ts';
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
