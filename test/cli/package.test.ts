/** The published package: what npm packs, put below node_modules as an installation does, runs the quickstart of a user. */

import { execFile } from 'node:child_process';
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { localObjects } from '../crash/bucket.ts';
import { anyPorts, temporaryFolder } from './command.ts';

const run = promisify(execFile);
const root = resolve(import.meta.dirname, '../..');

/** Packs the checkout and unpacks the result as `node_modules/millrace`, its dependencies being those of the checkout. */
async function install(folder: string): Promise<string> {
  const { stdout } = await run('npm', ['pack', '--json', '--pack-destination', folder], { cwd: root });
  const [{ filename }] = JSON.parse(stdout.slice(stdout.indexOf('[\n'))) as [{ filename: string }];
  const home = join(folder, 'lib', 'node_modules', 'millrace');
  mkdirSync(home, { recursive: true });
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'));
  await run('tar', ['-xzf', join(folder, filename), '-C', home, '--strip-components=1']);
  return home;
}

test('runs below node_modules without sources, compiler or tests', async () => {
  const folder = temporaryFolder();
  const home = await install(folder);
  const { stdout: listing } = await run('find', ['.', '-type', 'f'], { cwd: home });
  const files = listing.trim().split('\n');
  expect(files.filter((name) => /\.ts$|^\.\/(test|bench|core|workers)\//.test(name))).toEqual([]);
  expect(files).toEqual(expect.arrayContaining(['./README.md', './LICENSE', './examples/quickstart.yaml']));

  const manifest = JSON.parse(readFileSync(join(home, 'package.json'), 'utf8'));
  const bin = join(home, manifest.bin.millrace);
  const millrace = (...args: string[]) => run(process.execPath, [bin, ...args]);
  expect((await millrace('--version')).stdout.trim()).toBe(manifest.version);

  writeFileSync(join(folder, 'a.log'), 'one\ntwo\n');
  const pipeline = join(folder, 'pipeline.yaml');
  const sink = `{ connector: s3, store.url: file:${folder}/out, format: text }`;
  writeFileSync(pipeline, `pipeline: job\nsource: { connector: file, paths: ${folder}/*.log }\nsinks:\n  - ${sink}\n`);
  const { stdout } = await millrace('up', pipeline, '--once', '--data-dir', join(folder, 'data'), ...anyPorts);
  expect(stdout).toMatch(/files 1, lines 2, /);
  const objects = localObjects(join(folder, 'out', 'topics')).filter(({ key }) => key.endsWith('.txt'));
  expect(await Promise.all(objects.map(async (object) => (await object.read()).toString()))).toEqual(['one\ntwo\n']);
});
