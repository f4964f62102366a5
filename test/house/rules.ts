/** The rules of the house that no linter knows, as functions from a file to what is wrong with it. */

import { basename } from 'node:path';

export interface SourceFile {
  /** Relative to the top folder, with forward slashes. */
  readonly path: string;
  readonly text: string;
}

const forbiddenFolders = ['src', 'lib', 'utils', 'common', 'helpers', 'types'];

/** Folder names that say nothing about what lives in them. */
export function folderProblem({ path }: SourceFile): string | undefined {
  if (path.startsWith('test/')) return undefined;
  const bad = path
    .split('/')
    .slice(0, -1)
    .find((folder) => forbiddenFolders.includes(folder));
  return bad === undefined ? undefined : `${path}: a folder may not be called ${bad}`;
}

export function nameProblem({ path }: SourceFile): string | undefined {
  return /^[a-z0-9]+(-[a-z0-9]+)*(\.[a-z]+)*\.(ts|js)$/.test(basename(path)) ? undefined : `${path}: not kebab-case`;
}

/** The first line is a doc comment: one sentence that says what the file is for. */
export function headerProblem({ path, text }: SourceFile): string | undefined {
  const opening = /^(#!.*\n)?\/\*\*\s+([\s\S]+?)\*\//.exec(text);
  if (opening === null) return `${path}: does not open with a comment that says what it is for`;
  return /[.:]/.test(opening[2] ?? '') ? undefined : `${path}: its opening comment is not a sentence`;
}

const outsideBase = [
  { pattern: /\bDate\.now\(|\bnew Date\(\)/, use: 'the Clock port' },
  { pattern: /\b(setTimeout|setInterval)\(/, use: 'the Clock port' },
  { pattern: /from 'node:fs(\/promises)?'/, use: 'the Disk port' },
];

/** In core and workers only core/base touches the machine's time and files. */
export function portProblems({ path, text }: SourceFile): string[] {
  const isBound = (path.startsWith('core/') && !path.startsWith('core/base/')) || path.startsWith('workers/');
  if (!isBound) return [];
  return outsideBase.filter(({ pattern }) => pattern.test(text)).map(({ use }) => `${path}: must go through ${use}`);
}

const unfinished = /\b(TODO|FIXME|XXX|HACK)\b/;

export function unfinishedProblem({ path, text }: SourceFile): string | undefined {
  return unfinished.test(text) ? `${path}: holds unfinished work` : undefined;
}

export function problemsOf(file: SourceFile): string[] {
  return [
    folderProblem(file),
    nameProblem(file),
    headerProblem(file),
    unfinishedProblem(file),
    ...portProblems(file),
  ].filter((problem) => problem !== undefined);
}
