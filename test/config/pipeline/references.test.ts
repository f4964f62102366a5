/** References are expanded after parsing, in values only; a missing one is a problem at its place. */

import { describe, expect, test } from 'vitest';
import { loadText, places, type TextFiles } from './load-text.ts';

async function bucketOf(
  value: string,
  env: Record<string, string> = {},
  files: TextFiles = {},
): Promise<string | undefined> {
  const text = `pipeline: p\nsource: { topic: t }\nsinks:\n- connector: bucket\n  s3.bucket.name: ${value}\n`;
  const { pipelines, problems } = await loadText(text, env, files);
  expect(problems).toEqual([]);
  return pipelines[0]?.connectors[0]?.config['s3.bucket.name'];
}

async function problemOf(value: string, env: Record<string, string> = {}, files: TextFiles = {}) {
  const text = `pipeline: p\nsource: { topic: t }\nsinks:\n- connector: bucket\n  s3.bucket.name: ${value}\n`;
  const result = await loadText(text, env, files);
  expect(places(result)).toHaveLength(1);
  return result.problems[0]!;
}

describe('references', () => {
  test('take variables, defaults and files', async () => {
    expect(await bucketOf(`\${env:B}`, { B: 'lake' })).toBe('lake');
    expect(await bucketOf(`a-\${env:B}-\${env:C}`, { B: 'x', C: 'y' })).toBe('a-x-y');
    expect(await bucketOf(`\${env:B:-lake}`)).toBe('lake');
    expect(await bucketOf(`\${env:B:-lake}`, { B: '' })).toBe('lake');
    expect(await bucketOf(`\${env:B:-http://h:1/x}`)).toBe('http://h:1/x');
    expect(await bucketOf(`\${file:/run/b}`, {}, { '/run/b': 'lake\n' })).toBe('lake');
  });

  test('are data: what they hold cannot become structure', async () => {
    const value = `a: { b: [c, \${env:X} ]}\nsinks: #`;
    expect(await bucketOf(`\${env:B}`, { B: value })).toBe(value);
  });

  test('are not expanded twice, nor in comments', async () => {
    expect(await bucketOf(`\${env:B} # \${env:MISSING}`, { B: `\${env:C}`, C: 'no' })).toBe(`\${env:C}`);
  });

  test('two dollars are one, and a dollar alone is itself', async () => {
    expect(await bucketOf(`$\${env:B}`)).toBe(`\${env:B}`);
    expect(await bucketOf('a$b$')).toBe('a$b$');
    expect(await bucketOf('$$$$')).toBe('$$');
  });

  test('a missing variable says so, and names a close one', async () => {
    expect(await problemOf(`\${env:LAKE_BUCKT}`, { LAKE_BUCKET: 'x' })).toMatchObject({
      code: 'config/missing-reference',
      path: 'sinks[0].s3.bucket.name',
      line: 5,
      column: 19,
      message: 'the environment variable LAKE_BUCKT is not set',
      fix: expect.stringMatching(/^Did you mean LAKE_BUCKET\?/),
    });
  });

  test('a missing or oversized file says so', async () => {
    expect(await problemOf(`\${file:/run/b}`)).toMatchObject({
      code: 'config/missing-reference',
      message: 'the file /run/b cannot be used: there is no such file',
    });
    expect((await problemOf(`\${file:/run/b}`, {}, { '/run/b': 'x'.repeat(70_000) })).message).toContain(
      'more than 65536 bytes',
    );
  });

  test.each([`\${B}`, `\${env:}`, `\${env:A-B}`, `\${env:B`, `\${secret:b}`, `\${file:}`, `\${}`])(
    '%s is no reference',
    async (value) => {
      expect((await problemOf(`'${value}'`)).code).toBe('config/bad-reference');
    },
  );

  test('a key cannot have one', async () => {
    const result = await loadText(`pipeline: p\nsource: { connector: lines, paths: /x }\n\${env:K}: 1\n`, {
      K: 'sinks',
    });
    expect(places(result)).toEqual(['3:1 bad-reference']);
  });

  test('work wherever a value stands', async () => {
    const { pipelines } = await loadText(
      `pipeline: \${env:N}\nsource: { connector: "\${env:C}", paths: [ "\${env:P}", /y ] }\ntopics: { n: { partitions: "\${env:COUNT}" } }\n`,
      { N: 'n', C: 'lines', P: '/x,y', COUNT: '3' },
    );
    expect(pipelines[0]).toMatchObject({ name: 'n', topics: [{ partitions: 3 }] });
    expect(pipelines[0]?.connectors[0]?.config['paths']).toBe('/x\\,y,/y');
  });
});
