/** The rules of the house hold for every source file, and each rule can fail. */

import { readdirSync, readFileSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import { describe, expect, test } from 'vitest';
import {
  folderProblem,
  headerProblem,
  nameProblem,
  portProblems,
  problemsOf,
  type SourceFile,
  unfinishedProblem,
} from './rules.ts';

const top = resolve(import.meta.dirname, '../..');
const folders = ['core', 'config', 'connectors', 'workers', 'cli', 'demo', 'bench', 'examples', 'test', 'console'];

function sourceFiles(): SourceFile[] {
  const files: SourceFile[] = [];
  for (const folder of folders) {
    let entries: ReturnType<typeof listAll>;
    try {
      entries = listAll(join(top, folder));
    } catch {
      continue; // a layer that does not exist yet
    }
    for (const path of entries) files.push({ path: relative(top, path), text: readFileSync(path, 'utf8') });
  }
  return files;
}

function listAll(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && /\.(ts|js)$/.test(entry.name))
    .map((entry) => join(entry.parentPath, entry.name));
}

test('every source file keeps the rules of the house', () => {
  const files = sourceFiles();
  expect(files.length).toBeGreaterThan(10);
  const exempt = (file: SourceFile) => file.path.startsWith('test/house/');
  expect(files.filter((file) => !exempt(file)).flatMap(problemsOf)).toEqual([]);
});

test('the top level is what a newcomer was promised', () => {
  const asked = ['package.json', 'tsconfig.json', 'core', 'connectors', 'workers', 'config', 'test', 'README.md'];
  expect(readdirSync(top)).toEqual(expect.arrayContaining(asked));
});

describe('each rule fails on a bad sample', () => {
  test('folder names', () => {
    expect(folderProblem({ path: 'core/utils/x.ts', text: '' })).toContain('utils');
    expect(folderProblem({ path: 'core/log/x.ts', text: '' })).toBeUndefined();
  });
  test('file names', () => {
    expect(nameProblem({ path: 'core/log/segmentFile.ts', text: '' })).toContain('kebab');
    expect(nameProblem({ path: 'core/log/segment-file.ts', text: '' })).toBeUndefined();
  });
  test('opening sentence', () => {
    expect(headerProblem({ path: 'a.ts', text: 'export const a = 1;' })).toContain('open');
    expect(headerProblem({ path: 'a.ts', text: '/** words */\nexport const a = 1;' })).toContain('sentence');
    expect(headerProblem({ path: 'a.ts', text: '/** Says what it is for. */' })).toBeUndefined();
  });
  test('time and files outside core/base', () => {
    expect(portProblems({ path: 'core/log/a.ts', text: 'const t = Date.now();' })).toHaveLength(1);
    expect(portProblems({ path: 'workers/a.ts', text: "import { readFile } from 'node:fs/promises';" })).toHaveLength(
      1,
    );
    expect(portProblems({ path: 'core/base/clock.ts', text: 'Date.now()' })).toEqual([]);
  });
  test('unfinished work', () => {
    expect(unfinishedProblem({ path: 'a.ts', text: '// TODO later' })).toContain('unfinished');
  });
});
