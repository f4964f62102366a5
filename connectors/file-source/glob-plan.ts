/** Turns paths and globs into what a scan needs: which folders to enter, how deep, and which names count. */

import path from 'node:path';
import picomatch from 'picomatch';
import { fileSourceErrors } from './error-codes.ts';

/** Deeper folders are not entered: a bound against trees that link into themselves in ways loops are not noticed. */
const deepestFolder = 64;

export interface SearchRoot {
  /** Absolute folder that every match lies under. */
  readonly folder: string;
  /** True when a folder below, given by its names from the root, can hold matches. */
  entersFolder(names: readonly string[]): boolean;
  matchesFile(file: string): boolean;
}

export interface GlobPlan {
  readonly roots: readonly SearchRoot[];
  /** Every pattern made absolute as it was written: a file of exactly that name counts even where it has glob characters. */
  readonly literals: readonly string[];
  /** Folders in which something may change that matters. */
  readonly watchFolders: readonly string[];
  isExcluded(file: string): boolean;
  /** Whether a file of this absolute path would be found by a scan. */
  matches(file: string): boolean;
}

/** Throws `file-source/bad-pattern`. Relative patterns start at the working directory. */
export function planGlobs(paths: readonly string[], exclude: readonly string[]): GlobPlan {
  const roots = paths.flatMap(searchRoot);
  const literals = paths.flatMap((pattern) => [
    ...new Set([path.resolve(pattern), path.resolve(unescapeGlob(pattern))]),
  ]);
  const literalSet = new Set(literals);
  const isExcluded = excluder(exclude);
  return {
    roots,
    literals,
    watchFolders: [
      ...new Set([...roots.map((root) => root.folder), ...plainPaths(paths).map((file) => path.dirname(file))]),
    ],
    isExcluded,
    matches: (file) => (literalSet.has(file) || roots.some((root) => root.matchesFile(file))) && !isExcluded(file),
  };
}

function searchRoot(pattern: string): SearchRoot[] {
  if (pattern.includes('\0')) {
    throw fileSourceErrors.error('bad-pattern', { message: 'a path cannot contain a NUL character', where: pattern });
  }
  const scanned = picomatch.scan(pattern);
  if (!scanned.isGlob) return [];
  const folder = path.resolve(unescapeGlob(scanned.base));
  const isMatch = picomatch(scanned.glob);
  const prefix = folder === '/' ? '/' : `${folder}/`;
  const matchesFile = (file: string) => file.startsWith(prefix) && isMatch(file.slice(prefix.length));
  return [{ folder, entersFolder: folderTest(scanned.glob), matchesFile }];
}

/** Prunes folder by folder where the glob's segments stand for themselves; a brace around a slash ends the pruning. */
function folderTest(glob: string): SearchRoot['entersFolder'] {
  const isPlain = !/[{(][^})]*\//.test(glob);
  const segments = isPlain ? glob.split('/') : ['**'];
  const globstar = segments.findIndex((segment) => segment.includes('**'));
  const fixed = segments.slice(0, globstar < 0 ? segments.length - 1 : globstar);
  const tests = fixed.map((segment) => picomatch(segment));
  return (names) => {
    if (names.length > deepestFolder || (globstar < 0 && names.length > tests.length)) return false;
    const last = names.length - 1;
    if (last < tests.length) return tests[last]!(names[last]!);
    // Below `**` a shell does not enter hidden folders either.
    return !names[last]!.startsWith('.') || glob.includes('/.');
  };
}

function plainPaths(paths: readonly string[]): string[] {
  const plain = paths.filter((pattern) => !picomatch.scan(pattern).isGlob);
  return plain.map((pattern) => path.resolve(unescapeGlob(pattern)));
}

function excluder(patterns: readonly string[]): (file: string) => boolean {
  const byName = patterns.filter((pattern) => !pattern.includes('/'));
  const byPath = patterns.filter((pattern) => pattern.includes('/'));
  const absolute = byPath.map((pattern) => (pattern.startsWith('**') ? pattern : path.resolve(pattern)));
  const excludedNames = byName.map((pattern) => picomatch(pattern, { dot: true }));
  const excludedPaths = absolute.map((pattern) => picomatch(pattern, { dot: true }));
  return (file) => {
    const name = path.basename(file);
    return excludedNames.some((test) => test(name)) || excludedPaths.some((test) => test(file));
  };
}

function unescapeGlob(pattern: string): string {
  return pattern.replaceAll(/\\([\\*?[\]{}()!])/g, '$1');
}
