/** The examples are valid as they are, with and without the environment they can be pointed elsewhere with. */

import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { loadPipelines } from '../config/index.ts';
import { catalogue } from '../connectors/catalogue.ts';
import { anyPorts, millrace, temporaryFolder } from './cli/command.ts';
import { startMillrace } from './crash/millrace-child.ts';
import { startPostgres } from './kits/postgres-server.ts';

const folder = join(import.meta.dirname, '..', 'examples');

/** The statement that the file tells its readers to run. */
const createTable = (text: string) => text.replaceAll(/^# ?/gm, '').match(/CREATE TABLE[^;]+;/)?.[0] ?? '';

describe('the examples', () => {
  test('are valid without any setting, all together', async () => {
    const { pipelines, problems } = await loadPipelines([folder], { catalogue, env: {} });
    expect(problems).toEqual([]);
    expect(pipelines.map((each) => each.name)).toEqual([
      'access-logs',
      'app-logs',
      'file-archive',
      'outbox',
      'postgres-to-s3',
      'quickstart',
      'shop',
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

  test('a shop’s tables become topics of their own, and its events topics of what they are about', async () => {
    const { pipelines } = await loadPipelines([folder], { catalogue, env: {} });
    const of = (name: string) => pipelines.find((each) => each.name === name);
    expect(of('shop')?.written).toEqual(['shop.SCHEMA.TABLE']);
    expect(of('outbox')).toMatchObject({ topics: [], written: ['events.AGGREGATETYPE'] });
  });

  test('are each told about in the README', async () => {
    const readme = await readFile(join(folder, 'README.md'), 'utf8');
    const files = (await readdir(folder)).filter((name) => name.endsWith('.yaml'));
    expect(files.filter((name) => !readme.includes(`(${name})`))).toEqual([]);
  });

  test('the outbox sends each event to the topic of what it is about', async () => {
    const server = await startPostgres({ version: 18 });
    onTestFinished(() => server.close());
    await server.query(createTable(await readFile(join(folder, 'outbox.yaml'), 'utf8')));
    const tell = (about: string, id: string, type: string, payload: string) =>
      server.query('INSERT INTO outbox (aggregatetype, aggregateid, type, payload) VALUES ($1, $2, $3, $4)', [
        ...[about, id, type, payload],
      ]);
    await tell('order', '7', 'OrderPaid', '{"total": "19.90"}');
    const data = ['--data-dir', join(temporaryFolder(), 'data'), ...anyPorts];
    const env = { PGURL: server.url };
    const child = startMillrace(['up', join(folder, 'outbox.yaml'), ...data], env);
    onTestFinished(() => child.kill());
    const [, bootstrap = ''] = await child.waitFor(/^broker +(\S+)/m);
    const firstOf = async (topic: string) => {
      const consume = () => millrace(['topics', 'consume', topic, '--max', '1', '--json', '--bootstrap', bootstrap]);
      await expect.poll(async () => (await consume()).stdout).toContain(topic);
      return JSON.parse((await consume()).stdout);
    };
    expect(await firstOf('events.order')).toMatchObject({ key: '7', value: '{"total": "19.90"}' });
    await tell('invoice', '8', 'InvoiceSent', '{}');
    expect(await firstOf('events.invoice')).toMatchObject({ key: '8', headers: { type: 'InvoiceSent' } });
    const { stdout } = await millrace(['topics', 'list', '--json', '--bootstrap', bootstrap]);
    expect(JSON.parse(stdout).map(({ topic }: { topic: string }) => topic)).toEqual(['events.invoice', 'events.order']);
  });
});
