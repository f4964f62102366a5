/** Java libraries from Maven Central, downloaded once per machine and list. */

import { createHash } from 'node:crypto';
import { access, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { cacheFolder, run } from './child.ts';

/** The class path of everything that `pom` lists, kept in the cache folder under `name`. */
export async function mavenClassPath(pom: string, name: string, properties: readonly string[] = []): Promise<string> {
  // Another list of jars is another folder: what an older list has fetched is not taken for whole.
  const list = createHash('sha256')
    .update(await readFile(pom))
    .digest('hex')
    .slice(0, 8);
  const folder = cacheFolder(`${name}-${list}`);
  const complete = join(folder, '.complete');
  const isComplete = await access(complete).then(
    () => true,
    () => false,
  );
  if (!isComplete) {
    await mkdir(folder, { recursive: true });
    const goals = ['dependency:copy-dependencies', `-DoutputDirectory=${folder}`, '-DincludeScope=runtime'];
    await run('mvn', ['-q', '-B', '-f', pom, ...properties, ...goals]);
    await writeFile(complete, '');
  }
  return join(folder, '*');
}
