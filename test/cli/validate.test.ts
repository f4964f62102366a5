/** `millrace validate` and `schema`: every mistake of a file in one report that a person and a program can act on. */

import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { millrace, temporaryFolder } from './command.ts';

/** Unknown key, wrong type, missing required, bad duration, duplicate key, tab, unknown connector, missing variable. */
const eightMistakes = `pipeline: web-logs
source:
  connector: file
  start.positon: end
topics:
  web-logs: { partitions: many, retention.ms: 7 fortnights }
sinks:
  - connector: s3
    format: jsonl
    format: text
    store.url: \${env:MILLRACE_TEST_NO_SUCH_STORE}
  - connector: s4
errors:
\ttolerance: all
`;

/** Line, and what must be said there. */
const expected: readonly (readonly [number, RegExp])[] = [
  [2, /source\.paths: this setting is required/],
  [4, /start\.positon: there is no such setting/],
  [6, /partitions: "many"/],
  [6, /retention\.ms: "7 fortnights" is not a duration/],
  [10, /format: this key is there already, on line 9/],
  [11, /MILLRACE_TEST_NO_SUCH_STORE is not set/],
  [12, /there is no connector "s4"/],
  [14, /tab/],
];

function badFile(): string {
  const path = join(temporaryFolder(), 'bad.yaml');
  writeFileSync(path, eightMistakes);
  return path;
}

test('eight mistakes in one file are one report with line, column and fix for each', async () => {
  const path = badFile();
  const { exitCode, stdout, stderr, wallMs } = await millrace(['validate', path]);
  console.log(`reported in ${Math.round(wallMs)} ms`);
  expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: '' });
  const reports = stderr.split('\n\n').filter((block) => block.startsWith(path));
  for (const [line, message] of expected) {
    const report = reports.find((block) => message.test(block.split('\n')[0] ?? ''));
    expect(report, String(message)).toMatch(new RegExp(`^${path}:${line}:\\d+ error `));
    expect(report, String(message)).toMatch(/^ {2}fix: .+\[config\/[a-z-]+\]$/m);
  }
  expect(reports).toHaveLength(expected.length);
  expect(stderr).toMatch(/^8 errors$/m);
});

test('up refuses the same file with the same report, and starts nothing', async () => {
  const path = badFile();
  const folder = temporaryFolder();
  const validated = await millrace(['validate', path]);
  const up = await millrace(['up', path, '--once', '--data-dir', join(folder, 'data')]);
  expect(up).toMatchObject({ exitCode: 2, stdout: '', stderr: validated.stderr });
  expect(existsSync(join(folder, 'data'))).toBe(false);
});

test('a program gets the same as JSON', async () => {
  const path = badFile();
  const { exitCode, stdout, stderr } = await millrace(['validate', path, '--json']);
  expect({ exitCode, stderr }).toEqual({ exitCode: 2, stderr: '' });
  const { valid, problems } = JSON.parse(stdout);
  expect(valid).toBe(false);
  expect(problems).toHaveLength(expected.length);
  for (const problem of problems) {
    expect(problem).toMatchObject({ file: path, line: expect.any(Number), column: expect.any(Number) });
    expect(problem.fix).not.toBe('');
  }
});

test('a good file is named with what it compiles to', async () => {
  const path = join(temporaryFolder(), 'good.yaml');
  writeFileSync(
    path,
    'pipeline: good\nsource: { connector: file, paths: /var/log/x.log }\nsinks:\n  - { connector: s3, store.url: file:/tmp/x }\n',
  );
  const plain = await millrace(['validate', path]);
  expect(plain).toMatchObject({ exitCode: 0, stderr: '' });
  expect(plain.stdout).toMatch(/^good: valid \(good-source, .+\)\n$/);
  const { stdout } = await millrace(['validate', path, '--json']);
  expect(JSON.parse(stdout)).toMatchObject({ valid: true, problems: [], pipelines: [{ name: 'good', file: path }] });
});

test('no colours where nobody sees them, and none with NO_COLOR', async () => {
  const path = badFile();
  const colour = String.fromCharCode(0x1b);
  expect((await millrace(['validate', path])).stderr).not.toContain(colour);
  const env = { NO_COLOR: '1', FORCE_COLOR: undefined };
  expect((await millrace(['validate', path], { env })).stderr).not.toContain(colour);
});

test('the schema is the JSON Schema that editors are given', async () => {
  const { exitCode, stdout, stderr } = await millrace(['schema']);
  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
  expect(JSON.parse(stdout)).toMatchObject({ $schema: expect.stringContaining('json-schema.org'), type: 'object' });
  expect(stdout).toBe(readFileSync(join(import.meta.dirname, '../../config/schema/pipeline.schema.json'), 'utf8'));
});

test('a pipeline that insists on exactly once is valid for a worker that offers it, and for no other', async () => {
  const path = join(temporaryFolder(), 'strict.yaml');
  writeFileSync(
    path,
    `pipeline: strict
source:
  connector: file
  paths: /tmp/*.log
  exactly.once.support: required
sinks:
  - connector: s3
    store.url: file:/tmp/lake
`,
  );
  expect(await millrace(['validate', path])).toMatchObject({ exitCode: 0, stderr: '' });
  const { exitCode, stderr } = await millrace(['validate', path, '--exactly-once-source-support', 'disabled']);
  expect(exitCode).toBe(2);
  expect(stderr).toMatch(new RegExp(`^${path}:5:\\d+ error .*exactly once is required`));
});
