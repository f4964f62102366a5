/** Pipelines whose source names its topics itself: what their sinks read, which topics are made, and what is refused. */

import { expect, test } from 'vitest';
import { loadText, places } from './load-text.ts';

const sink = '- connector: bucket\n  s3.bucket.name: x\n';
const source = (prefix = 'shop') => `source: { connector: tables, prefix: ${prefix} }\n`;

test('sinks read all of its topics, and none of the pipeline’s name is made', async () => {
  const { pipelines, problems } = await loadText(`pipeline: p\n${source()}sinks:\n${sink}`);
  expect(problems).toEqual([]);
  expect(pipelines[0]).toMatchObject({ topics: [], written: ['shop.TABLE'] });
  expect(pipelines[0]?.connectors.map(({ config }) => config)).toEqual([
    { name: 'p-source', 'connector.class': 'tables', prefix: 'shop' },
    { name: 'p-bucket', 'connector.class': 'bucket', 's3.bucket.name': 'x', 'topics.regex': 'shop\\..+' },
  ]);
});

test('without the setting it writes to the topic of the pipeline, which its sinks read', async () => {
  const { pipelines } = await loadText(`pipeline: p\nsource: { connector: tables }\nsinks:\n${sink}`);
  expect(pipelines[0]).toMatchObject({ topics: [{ name: 'p' }], written: ['p'] });
  expect(pipelines[0]?.connectors.map(({ config }) => config['topic'] ?? config['topics'])).toEqual(['p', 'p']);
});

test('sinks may choose among its topics, and topics may be declared', async () => {
  const topics = 'topics: { shop.orders: { partitions: 4 }, shop-news: {} }\n';
  const { pipelines, problems } = await loadText(
    `pipeline: p\n${source()}${topics}sinks:\n${sink}  topics: [shop.orders, elsewhere]\n${sink}  topics.regex: shop\\..*s\n`,
  );
  expect(problems).toEqual([]);
  expect(pipelines[0]?.topics.map(({ name, partitions }) => [name, partitions])).toEqual([
    ['shop.orders', 4],
    ['shop-news', 1],
  ]);
});

test('a topic that is declared and gets no record is told, with those that do', async () => {
  const loaded = await loadText(`pipeline: p\n${source()}topics: { p: { partitions: 4 } }\nsinks:\n${sink}`);
  expect(places(loaded)).toEqual(['3:11 unknown-key topics.p']);
  expect(loaded.problems[0]).toMatchObject({
    severity: 'warning',
    fix: 'Remove it, or name it in the source or a sink; used here: shop.TABLE.',
  });
});

test('a sink that asks for the topic of the pipeline would wait for ever', async () => {
  const loaded = await loadText(`pipeline: p\n${source()}sinks:\n${sink}  topics: [p, shop.orders]\n`);
  expect(places(loaded)).toEqual(['6:11 conflict sinks[0].topics']);
  expect(loaded.problems[0]).toMatchObject({
    message: 'no record goes to the topic p: the source writes to shop.TABLE',
    fix: 'Remove it to read all of those, or name some of them.',
  });
});

test('where its topics cannot be told from others, a sink must say what it reads', async () => {
  const loaded = await loadText(`pipeline: p\n${source('any')}sinks:\n${sink}`);
  expect(places(loaded)).toEqual(['4:3 missing-key sinks[0].topics']);
  expect(loaded.problems[0]?.fix).toBe('Name those to read, or give topics.regex.');
  const told = await loadText(`pipeline: p\n${source('any')}sinks:\n${sink}  topics: [p, x]\n`);
  expect(told.problems).toEqual([]);
});

test('dead letters may not go among what a sink reads', async () => {
  const errors = 'errors: { tolerance: all, deadletterqueue.topic.name: shop.letters }\n';
  const loaded = await loadText(`pipeline: p\n${source()}sinks:\n${sink}${errors}`);
  expect(places(loaded)).toEqual(['6:55 conflict errors.deadletterqueue.topic.name']);
});
