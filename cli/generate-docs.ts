/** Writes the generated reference into the repository: connector settings, error codes, the JSON Schema; with --check only compares, with --into FOLDER works on another copy. */

import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { connectorReference, errorReference, pipelineJsonSchema, settingsTable } from '../config/index.ts';
import { topicFields } from '../config/pipeline/topic-fields.ts';
import { catalogue, connectorEntries } from '../connectors/catalogue.ts';
import { messageOf, registeredErrors } from '../core/base/errors.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const layers = ['core', 'config', 'connectors', 'workers', 'cli'];

interface GeneratedFile {
  /** From the repository's root. */
  readonly path: string;
  /** The content it should have, made from the one it has (undefined: there is none). */
  make(current: string | undefined): string;
}

async function main(args: readonly string[]): Promise<number> {
  const isCheck = args.includes('--check');
  const target = args.includes('--into') ? args[args.indexOf('--into') + 1] : root;
  if (target === undefined) throw new Error('--into needs a folder');
  const stale: string[] = [];
  for (const { path, make } of await generatedFiles()) {
    const file = join(target, path);
    const current = await readFile(file, 'utf8').catch(() => undefined);
    const wanted = make(current);
    if (wanted === current) continue;
    stale.push(path);
    if (isCheck) continue;
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, wanted);
  }
  for (const path of stale) process.stdout.write(isCheck ? `${path} is stale\n` : `${path} written\n`);
  if (isCheck && stale.length > 0) process.stdout.write('run: npm run docs\n');
  return isCheck && stale.length > 0 ? 1 : 0;
}

async function generatedFiles(): Promise<GeneratedFile[]> {
  const schema = `${JSON.stringify(pipelineJsonSchema(catalogue), null, 2)}\n`;
  const errors = await errorPage();
  return [
    { path: 'config/schema/pipeline.schema.json', make: () => schema },
    { path: 'core/base/ERRORS.md', make: () => errors },
    sectionOf('config/README.md', 'topic settings', settingsTable(Object.entries(topicFields))),
    ...connectorEntries.map(({ definition, folder }) => {
      return sectionOf(`connectors/${folder}/README.md`, 'settings', connectorReference(definition));
    }),
  ];
}

/** A file of which only what stands between two markers is generated; they are added at the end where they are missing. */
function sectionOf(path: string, name: string, body: string): GeneratedFile {
  const begin = `<!-- generated: ${name}; change the definition and run npm run docs -->`;
  const end = `<!-- end of ${name} -->`;
  const section = `${begin}\n\n${body}\n\n${end}`;
  return {
    path,
    make(current = '') {
      const from = current.indexOf(begin);
      const to = current.indexOf(end);
      if (from >= 0 && to > from) return current.slice(0, from) + section + current.slice(to + end.length);
      const heading = `## ${name.charAt(0).toUpperCase()}${name.slice(1)}`;
      return `${current.trimEnd()}\n\n${heading}\n\n${section}\n`.trimStart();
    },
  };
}

/** Every area there is, found by its file: importing one registers it. */
async function errorPage(): Promise<string> {
  for (const layer of layers) {
    const names = await readdir(join(root, layer), { recursive: true });
    for (const name of names.filter((each) => /(^|[\\/])error-codes\.ts$/.test(each))) {
      await import(pathToFileURL(join(root, layer, name)).href);
    }
  }
  const intro = [
    '# Error codes',
    'Every error a person sees has a code, says what happened and where, and names the fix. *Retried* means that the same',
    'operation may succeed later without anybody changing anything, so it is repeated where that is safe.',
    '',
    'This page is generated from the `error-codes.ts` of each part: change them there and run `npm run docs`.',
  ];
  return `${intro[0]}\n\n${intro.slice(1).join('\n')}\n\n${errorReference(registeredErrors().values())}\n`;
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  process.stderr.write(`the documentation cannot be generated: ${messageOf(error)}\n`);
  process.exitCode = 1;
}
