/** The examples are valid as they are, with and without the environment they can be pointed elsewhere with. */

import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { loadPipelines } from '../config/index.ts';
import { catalogue } from '../connectors/catalogue.ts';

const folder = join(import.meta.dirname, '..', 'examples');

describe('the examples', () => {
  test('are valid without any setting, all together', async () => {
    const { pipelines, problems } = await loadPipelines([folder], { catalogue, env: {} });
    expect(problems).toEqual([]);
    expect(pipelines.map((each) => each.name)).toEqual([
      'access-logs',
      'app-logs',
      'file-archive',
      'postgres-to-s3',
      'quickstart',
    ]);
  });

  test('write below .millrace unless told otherwise', async () => {
    const { pipelines } = await loadPipelines([folder], { catalogue, env: {} });
    const sinks = pipelines.flatMap((each) => each.connectors).filter((each) => each.kind === 'sink');
    for (const { config } of sinks) expect(config['store.url']).toMatch(/^file:\.millrace\//);
  });

  test('can be pointed at an endpoint with credentials', async () => {
    const env = {
      S3_ENDPOINT: 'http://127.0.0.1:9',
      S3_BUCKET: 'b',
      AWS_ACCESS_KEY_ID: 'k',
      AWS_SECRET_ACCESS_KEY: 's',
    };
    const { pipelines, problems } = await loadPipelines([join(folder, 'access-logs.yaml')], { catalogue, env });
    expect(problems).toEqual([]);
    expect(pipelines[0]?.connectors[1]?.config).toMatchObject({ 'store.url': env.S3_ENDPOINT, 's3.bucket.name': 'b' });
  });

  test('are each told about in the README', async () => {
    const readme = await readFile(join(folder, 'README.md'), 'utf8');
    const files = (await readdir(folder)).filter((name) => name.endsWith('.yaml'));
    expect(files.filter((name) => !readme.includes(`(${name})`))).toEqual([]);
  });
});
