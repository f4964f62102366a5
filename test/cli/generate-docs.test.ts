/** The generator of the reference writes everything once, leaves what people wrote alone, and names what is stale. */

import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';

const script = join(import.meta.dirname, '..', '..', 'cli', 'generate-docs.ts');
let folder = '';

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'millrace-docs-'));
});

afterEach(() => rm(folder, { recursive: true, force: true }));

function generate(...args: string[]): Promise<{ exitCode: number; stdout: string }> {
  return new Promise((resolve) => {
    const child = execFile(process.execPath, [script, '--into', folder, ...args], (_error, stdout) => {
      resolve({ exitCode: child.exitCode ?? -1, stdout });
    });
  });
}

test('what is written once is up to date until somebody changes it', async () => {
  const readme = join(folder, 'connectors', 'file-source', 'README.md');
  await mkdir(join(folder, 'connectors', 'file-source'), { recursive: true });
  await writeFile(readme, '# File source\n\nWritten by hand.\n');
  expect(await generate('--check')).toMatchObject({
    exitCode: 1,
    stdout: expect.stringContaining('ERRORS.md is stale'),
  });

  expect((await generate()).exitCode).toBe(0);
  const text = await readFile(readme, 'utf8');
  expect(text).toMatch(/^# File source\n\nWritten by hand\.\n\n## Settings\n/);
  expect(text).toContain('| `start.position` | `beginning`, `end` | `beginning` |');
  expect(await readFile(join(folder, 'core', 'base', 'ERRORS.md'), 'utf8')).toContain('`disk/full`');
  expect(await generate('--check')).toEqual({ exitCode: 0, stdout: '' });

  await writeFile(readme, `${text.replace('`start.position`', '`begin`')}\nMore by hand.\n`);
  expect(await generate('--check')).toEqual({
    exitCode: 1,
    stdout: 'connectors/file-source/README.md is stale\nrun: npm run docs\n',
  });
  await generate();
  expect(await readFile(readme, 'utf8')).toBe(`${text}\nMore by hand.\n`);
});
