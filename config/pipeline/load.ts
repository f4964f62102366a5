/** Loads pipeline files and folders of them: every pipeline that is right, and every problem of all the others. */

import { isUtf8 } from 'node:buffer';
import { join, resolve } from 'node:path';
import type { Catalogue } from '../catalogue.ts';
import { type Problem, problem } from '../problem.ts';
import type { CompiledPipeline, PlacedPipeline } from './compiled.ts';
import { compileDocument } from './document.ts';
import { FileProblems } from './file-problems.ts';
import { expandReferences } from './references.ts';
import { reportSharedNames } from './shared-names.ts';
import { type UserFiles, userFiles, whyUnreadable } from './user-files.ts';

export interface LoadOptions {
  readonly catalogue: Catalogue;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly files?: UserFiles;
}

export interface LoadResult {
  /** Those without errors; meant to be run only when no problem is an error. */
  readonly pipelines: readonly CompiledPipeline[];
  /** In the order of the files, then of the lines. */
  readonly problems: readonly Problem[];
}

/** Far more than a pipeline needs; a log file named by mistake is noticed. */
const mostFileBytes = 1024 * 1024;
const mostFilesInFolder = 1000;

/**
 * Reads each path: a file, or a folder whose `.yaml` and `.yml` files are meant (not those of folders in it). Never
 * throws for what users write; every problem has a file, a line and a column.
 */
export async function loadPipelines(paths: readonly string[], options: LoadOptions): Promise<LoadResult> {
  const context = { ...options, files: options.files ?? userFiles };
  const pipelines: PlacedPipeline[] = [];
  const reports: FileProblems[] = [];
  const seen = new Set<string>();
  for (const path of paths) {
    const found = await filesOf(path, context.files);
    if ('report' in found) reports.push(found.report);
    for (const file of found.files) {
      if (seen.has(resolve(file))) continue;
      seen.add(resolve(file));
      const loaded = await loadFile(file, context);
      pipelines.push(...loaded.pipelines);
      reports.push(loaded.report);
    }
  }
  const usable = reportSharedNames(pipelines, new Map(reports.map((report) => [report.file, report])));
  return { pipelines: usable.map(withoutPlaces), problems: reports.flatMap((report) => report.list()) };
}

interface FoundFiles {
  readonly files: readonly string[];
  readonly report?: FileProblems;
}

async function filesOf(path: string, files: UserFiles): Promise<FoundFiles> {
  const report = new FileProblems(path, '');
  try {
    const names = await files.list(path);
    if (names === undefined) return { files: [path] };
    const yaml = names.filter((name) => /\.ya?ml$/i.test(name));
    if (yaml.length > 0 && yaml.length <= mostFilesInFolder) return { files: yaml.map((name) => join(path, name)) };
    const empty = problem('empty-file', { message: 'the folder has no .yaml or .yml file' });
    report.add(
      yaml.length === 0 ? empty : problem('too-large', { message: `the folder has ${yaml.length} YAML files` }),
    );
  } catch (error) {
    report.add(problem('missing-file', { message: `the folder cannot be read: ${whyUnreadable(error)}` }));
  }
  return { files: [], report };
}

interface LoadedFile {
  readonly pipelines: readonly PlacedPipeline[];
  readonly report: FileProblems;
}

async function loadFile(file: string, context: LoadOptions & { readonly files: UserFiles }): Promise<LoadedFile> {
  let bytes: Buffer;
  try {
    bytes = await context.files.read(file, mostFileBytes);
  } catch (error) {
    const report = new FileProblems(file, '');
    report.add(problem('missing-file', { message: `the file cannot be read: ${whyUnreadable(error)}` }));
    return { pipelines: [], report };
  }
  // Decoded leniently, so that one bad byte does not hide everything else.
  const text = bytes.toString('utf8').replace(/^\uFEFF/, '');
  const report = new FileProblems(file, text);
  if (!isUtf8(bytes)) reportBadBytes(text, report);
  const pipelines: PlacedPipeline[] = [];
  // Loaded here: the threads of tasks know this layer, too, and read no YAML.
  const { readYaml } = await import('./read-yaml.ts');
  const roots = readYaml(text, report);
  const isSound = report.errorCount === 0;
  if (roots.length === 0 && isSound) report.add(problem('empty-file', { message: 'the file declares nothing' }));
  for (const root of roots) {
    const expanded = await expandReferences(root, context, report);
    const pipeline = compileDocument(expanded, { catalogue: context.catalogue, problems: report });
    if (pipeline !== undefined && isSound) pipelines.push(pipeline);
  }
  return { pipelines, report };
}

function reportBadBytes(text: string, report: FileProblems): void {
  const before = text.slice(0, Math.max(0, text.indexOf('\uFFFD'))).split('\n');
  const place = { line: before.length, column: before.at(-1)!.length + 1 };
  report.add(problem('syntax', { message: 'the file is not UTF-8 text', fix: 'Save it as UTF-8.' }), place);
}

function withoutPlaces({ name, file, topics, written, connectors }: PlacedPipeline): CompiledPipeline {
  return { name, file, topics, written, connectors };
}
