/** Every gate of `npm run check` and of `.ci/run` fails on a bad sample; a gate that cannot fail is no gate. */

import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';

const top = resolve(import.meta.dirname, '../..');
const bin = (name: string) => join(top, 'node_modules/.bin', name);
let sample: string;

beforeEach(() => {
  sample = mkdtempSync(join(tmpdir(), 'millrace-gates-'));
  symlinkSync(join(top, 'node_modules'), join(sample, 'node_modules'));
});
afterEach(() => rmSync(sample, { recursive: true, force: true }));

function put(path: string, text: string): void {
  mkdirSync(dirname(join(sample, path)), { recursive: true });
  writeFileSync(join(sample, path), text);
}

function run(command: string, ...args: string[]): { status: number | null; output: string } {
  const { status, stdout, stderr } = spawnSync(command, args, {
    cwd: sample,
    encoding: 'utf8',
    env: { ...process.env, CI: '' },
  });
  return { status, output: stdout + stderr };
}

function lint(): { status: number | null; output: string } {
  const settings = JSON.parse(readFileSync(join(top, 'biome.json'), 'utf8'));
  put('biome.json', JSON.stringify({ ...settings, vcs: { enabled: false } }));
  return run(bin('biome'), 'lint', '--error-on-warnings', 'core', 'workers', 'connectors');
}

describe('types', () => {
  const check = (text: string) => {
    copyFileSync(join(top, 'tsconfig.json'), join(sample, 'tsconfig.json'));
    put('package.json', '{ "type": "module" }');
    put('core/a.ts', text);
    return run(bin('tsc'), '--noEmit', '-p', sample);
  };
  test.each([
    ['a wrong type', 'export const a: number = "x";', 'TS2322'],
    ['an unchecked index', 'export const f = (a: number[]): number => a[0];', 'TS2322'],
    ['an enum', 'export enum E { A }', 'TS1294'],
    ['an explicit undefined', 'const o: { a?: number } = { a: undefined }; export const b = o;', 'TS2375'],
    ['a type imported as a value', "import { A } from './b.ts'; export const x: A = 1;", 'TS1484'],
  ])('%s', (_name, text, code) => {
    put('core/b.ts', 'export type A = number;');
    const { status, output } = check(text);
    expect(output).toContain(code);
    expect(status).not.toBe(0);
  });
  test('good code passes', () => expect(check('export const a = 1;')).toMatchObject({ status: 0 }));
});

describe('lint', () => {
  const seeds: [string, Record<string, string>, string][] = [
    [
      'a layer that looks up by value',
      { 'core/protocol/a.ts': "import { b } from '../log/b.ts';\nexport const a = b;\n" },
      'noRestrictedImports',
    ],
    [
      'a layer that looks up by type',
      { 'core/protocol/a.ts': "import type { B } from '../log/b.ts';\nexport const a: B = 1;\n" },
      'noRestrictedImports',
    ],
    [
      'a connector that reaches into the log',
      { 'connectors/x/a.ts': "import { b } from '../../core/log/b.ts';\nexport const a = b;\n" },
      'noRestrictedImports',
    ],
    [
      'a worker that starts a broker',
      { 'workers/a.ts': "import { b } from '../core/broker/b.ts';\nexport const a = b;\n" },
      'noRestrictedImports',
    ],
    [
      'a cycle',
      {
        'core/log/a.ts': "import { c } from './c.ts';\nexport const a = () => c;\n",
        'core/log/c.ts': "import { a } from './a.ts';\nexport const c = () => a;\n",
      },
      'noImportCycles',
    ],
    [
      'a floating promise',
      { 'core/log/a.ts': 'async function f(): Promise<void> {}\nexport function g(): void {\n  f();\n}\n' },
      'noFloatingPromises',
    ],
    ['any', { 'core/log/a.ts': 'export const a: any = 1;\n' }, 'noExplicitAny'],
    ['a default export', { 'core/log/a.ts': 'export default 1;\n' }, 'noDefaultExport'],
    ['a barrel', { 'core/log/a.ts': "export * from './b.ts';\n" }, 'noBarrelFile'],
    [
      'a file that is two things',
      { 'core/log/a.ts': Array.from({ length: 301 }, (_, i) => `export const a${i} = ${i};\n`).join('') },
      'noExcessiveLinesPerFile',
    ],
    [
      'a function nobody can hold in the head',
      { 'core/log/a.ts': `export function f(): void {\n${'  g();\n'.repeat(80)}}\nfunction g(): void {}\n` },
      'noExcessiveLinesPerFunction',
    ],
  ];
  test.each(seeds)('%s', (_name, files, rule) => {
    put('core/log/b.ts', 'export type B = number;\nexport const b = 1;\n');
    put('core/broker/b.ts', 'export const b = 1;\n');
    put('workers/b.ts', 'export const b = 1;\n');
    put('connectors/b.ts', 'export const b = 1;\n');
    for (const [path, text] of Object.entries(files)) put(path, text);
    const { status, output } = lint();
    expect(output).toContain(rule);
    expect(status).not.toBe(0);
  });
  test('good code passes', () => {
    put('core/log/b.ts', 'export const b = 1;\n');
    put('workers/b.ts', 'export const b = 1;\n');
    put('connectors/b.ts', 'export const b = 1;\n');
    expect(lint()).toMatchObject({ status: 0 });
  });
});

describe('dead code', () => {
  const knip = () => {
    copyFileSync(join(top, 'knip.json'), join(sample, 'knip.json'));
    copyFileSync(join(top, 'tsconfig.json'), join(sample, 'tsconfig.json'));
    put('package.json', JSON.stringify({ name: 'sample', type: 'module', dependencies: { pino: '*' } }));
    return run(bin('knip'), '--include', 'exports,files,dependencies');
  };
  test('an unused export, file and dependency', () => {
    put('cli/main.ts', "import { used } from '../core/a.ts';\nused();\n");
    put('core/a.ts', 'export const used = () => 1;\nexport const unused = 2;\n');
    put('core/b.ts', 'export const lonely = 3;\n');
    const { status, output } = knip();
    expect(output).toContain('unused');
    expect(output).toContain('core/b.ts');
    expect(output).toContain('pino');
    expect(status).not.toBe(0);
  });
});

describe('tests', () => {
  const vitest = (text: string) => {
    put('test/a.test.ts', `import { expect, test } from 'vitest';\n${text}\n`);
    return run(bin('vitest'), 'run', '--root', sample, '--reporter=json', '--outputFile=report.json');
  };
  const summary = (...reports: string[]) => run(bin('node'), join(top, '.ci/summary.ts'), '0', ...reports);

  test('a failing test fails the run', () => {
    const { status } = vitest("test('x', () => expect(1).toBe(2));");
    expect(status).not.toBe(0);
    expect(summary('report.json')).toMatchObject({ status: 1, output: expect.stringContaining('0 passed, 1 failed') });
  });
  test('a skipped test fails the closing count', () => {
    vitest("test('x', () => expect(1).toBe(1));\ntest.skip('y', () => {});");
    expect(summary('report.json')).toMatchObject({ status: 1, output: expect.stringContaining('1 passed, 1 failed') });
  });
  test('a missing report fails the closing count', () => {
    expect(summary('nowhere.json')).toMatchObject({ status: 1, output: expect.stringContaining('0 passed, 1 failed') });
  });
  test('a passing run passes', () => {
    vitest("test('x', () => expect(1).toBe(1));");
    expect(summary('report.json')).toMatchObject({ status: 0, output: expect.stringContaining('1 passed, 0 failed') });
  });
});
