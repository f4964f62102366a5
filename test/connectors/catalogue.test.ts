/** Every connector is found by its names, described completely, and loaded only when it is to run. */

import { execFile } from 'node:child_process';
import { access } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';
import { catalogue, connectorEntries, loadConnector } from '../../connectors/catalogue.ts';

const root = join(import.meta.dirname, '..', '..');

describe('the catalogue', () => {
  test.each([
    ['file', 'file'],
    ['FileStreamSource', 'file'],
    ['org.apache.kafka.connect.file.FileStreamSourceConnector', 'file'],
    ['s3', 's3'],
    ['S3SinkConnector', 's3'],
    ['io.confluent.connect.s3.S3SinkConnector', 's3'],
  ])('finds %s', (name, found) => {
    expect(catalogue.find(name)?.name).toBe(found);
  });

  test.each(connectorEntries.map((each) => [each.definition.name, each] as const))(
    '%s has its README and its code',
    async (_name, entry) => {
      const folder = join(root, 'connectors', entry.folder);
      for (const file of ['config.ts', 'index.ts', 'task.ts', 'README.md']) await access(join(folder, file));
      const connector = await loadConnector(entry.definition.name);
      expect(connector.createTask).toBeTypeOf('function');
      expect('plan' in connector).toBe(entry.definition.kind === 'source');
    },
  );

  test.each(catalogue.all().map((each) => [each.name, each] as const))(
    '%s describes every setting in sentences',
    (_name, definition) => {
      for (const text of [definition.summary, definition.guarantee]) expect(text).toMatch(/\.$/);
      for (const [key, field] of Object.entries(definition.fields)) {
        expect([key, field.doc]).toEqual([key, expect.stringMatching(/^[A-Z`].*\.$/s)]);
        if (field.default === undefined) continue;
        const again = field.parse(field.print(field.default), String);
        const isEmpty = field.print(field.default) === '';
        expect([key, isEmpty || 'value' in again]).toEqual([key, true]);
      }
    },
  );

  test('takes the configuration of Kafka Connect’s quickstart as it is', () => {
    const settings = {
      name: 'local-file-source',
      'connector.class': 'FileStreamSource',
      'tasks.max': '1',
      file: 'test.txt',
      topic: 'connect-test',
    };
    const definition = catalogue.find(settings['connector.class'])!;
    expect(definition.parse(settings)).toMatchObject({
      config: { paths: ['test.txt'], topic: 'connect-test' },
      warnings: [],
    });
  });

  test('an unknown connector says which there are', async () => {
    await expect(loadConnector('nope')).rejects.toMatchObject({
      code: 'config/unknown-connector',
      fix: 'Use one of file, postgres, s3.',
    });
  });

  test('loads no driver for checking a pipeline', async () => {
    const script = [
      `import { registerHooks } from 'node:module';`,
      `const loaded = [];`,
      `registerHooks({ load(url, context, next) { loaded.push(url); return next(url, context); } });`,
      `await import(${JSON.stringify(join(root, 'connectors', 'catalogue.ts'))});`,
      `await import(${JSON.stringify(join(root, 'config', 'index.ts'))});`,
      `console.log(loaded.filter((url) => url.includes('node_modules') && !url.includes('/node_modules/yaml/')).join('\\n'));`,
    ];
    const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', script.join('\n')], {
      cwd: root,
    });
    expect(stdout.trim()).toBe('');
  });
});
