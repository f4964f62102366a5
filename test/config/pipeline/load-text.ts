/** Loads pipelines from texts instead of files. */

import { type LoadResult, loadPipelines, type UserFiles } from '../../../config/index.ts';
import { sampleCatalogue } from '../sample-catalogue.ts';

export interface TextFiles {
  readonly [path: string]: string | Buffer;
}

/** Files in memory; a path with other paths below it is a folder. */
export function memoryFiles(files: TextFiles): UserFiles {
  return {
    async read(path, mostBytes) {
      const content = files[path];
      if (content === undefined) throw Object.assign(new Error('not there'), { code: 'ENOENT' });
      const bytes = Buffer.from(content);
      if (bytes.length > mostBytes) throw new Error(`it has more than ${mostBytes} bytes`);
      return bytes;
    },
    async list(path) {
      const below = Object.keys(files).filter((each) => each.startsWith(`${path}/`));
      return below.length === 0 ? undefined : below.map((each) => each.slice(path.length + 1)).sort();
    },
  };
}

export function loadText(text: string, env: Record<string, string> = {}, files: TextFiles = {}): Promise<LoadResult> {
  return loadFiles({ ...files, 'p.yaml': text }, ['p.yaml'], env);
}

export function loadFiles(files: TextFiles, paths: string[], env: Record<string, string> = {}): Promise<LoadResult> {
  return loadPipelines(paths, { catalogue: sampleCatalogue, env, files: memoryFiles(files) });
}

/** `line:column code path` of each problem. */
export function places({ problems }: LoadResult): string[] {
  return problems.map((each) => `${each.line}:${each.column} ${each.code.replace('config/', '')} ${each.path}`.trim());
}
