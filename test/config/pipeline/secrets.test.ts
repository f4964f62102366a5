/** No secret appears in any output about a configuration, however wrong the configuration is. */

import { inspect } from 'node:util';
import { describe, expect, test } from 'vitest';
import { formatProblems } from '../../../config/index.ts';
import { loadText } from './load-text.ts';

const secret = 'hunter2-hunter2';

async function outputsOf(text: string, env: Record<string, string> = {}): Promise<string> {
  const { problems } = await loadText(text, env, { '/run/secret': `${secret}\n` });
  expect(problems.length).toBeGreaterThan(0);
  const shown = [false, true].map((color) => formatProblems(problems, { color }));
  return [...shown, JSON.stringify(problems), inspect(problems, { depth: 9 })].join('\n');
}

const head = 'pipeline: p\nsource: { topic: t }\nsinks:\n';

describe('a secret', () => {
  test.each([
    ['in a misspelt key', `${head}- connector: bucket\n  secret.kee: ${secret}\n`],
    ['beside a mistake on its line', `${head}- { connector: bucket, flush.size: x, secret.key: ${secret}, foo: 1 }\n`],
    ['in nested maps', `${head}- connector: bucket\n  aws: { secret: { access: { key: ${secret} } } }\n`],
    ['in nested blocks', `${head}- connector: bucket\n  secret:\n    key:\n      ${secret}\n    kee: ${secret}\n`],
    ['in a block text', `${head}- connector: bucket\n  secret.kee: |\n    ${secret}\n    ${secret} @\n`],
    ['in broken YAML', `${head}- connector: bucket\n  secret.key: "${secret}\n  flush.size: x\n`],
    ['behind a tab', `${head}- connector: bucket\n\tsecret.key: ${secret}\n`],
    ['given twice', `${head}- connector: bucket\n  secret.key: ${secret}\n  secret.key: ${secret}\n`],
    ['in a list', `${head}- connector: bucket\n  secret.key: [ ${secret}, ${secret} ]\n`],
    ['with what looks like a reference', `${head}- connector: bucket\n  secret.key: ab\${${secret}}\n`],
    ['inside an address', `${head}- connector: bucket\n  store.url: ftp://me:${secret}@host/x\n`],
    ['inside an address of an unknown key', `${head}- connector: bucket\n  stor.ulr: http://me:${secret}@host/x\n`],
  ])('%s is not shown', async (_name, text) => {
    expect(await outputsOf(text)).not.toContain(secret);
  });

  test.each([
    ['a number', 'flush.size'],
    ['a choice', 'format'],
    ['a duration', 'rotate.interval.ms'],
    ['a topic', 'errors.deadletterqueue.topic.name'],
    ['a name', 'name'],
    ['an unknown key', 'unknown'],
    ['a connector', 'connector'],
  ])('from the environment or a file is not shown as %s', async (_name, key) => {
    const rest = key === 'connector' ? '' : '- connector: bucket\n  ';
    const lead = key === 'connector' ? '- ' : '';
    for (const reference of [`\${env:S}`, `\${file:/run/secret}`, `x/\${env:S} y`]) {
      const text = `${head}${rest}${lead}${key}: ${reference}\n`;
      expect(await outputsOf(text, { S: `${secret} / {}` })).not.toContain(secret);
    }
  });

  test('from the environment is not shown as a pipeline or a topic', async () => {
    const env = { S: `${secret} !` };
    expect(await outputsOf(`pipeline: \${env:S}\nsource: { topic: "\${env:S}" }\n`, env)).not.toContain(secret);
  });

  test('what is not secret is shown', async () => {
    const shown = await outputsOf(`${head}- connector: bucket\n  secret.key: ${secret}\n  flush.size: many\n`);
    expect(shown).toContain('"many" is not a whole number');
    expect(shown).toContain('   6 |   flush.size: many');
  });
});
