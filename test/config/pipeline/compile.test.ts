/** A pipeline document becomes the connectors and topics it stands for, exactly as a person would post them. */

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { stringify } from 'yaml';
import { loadText, places } from './load-text.ts';

const whole = `
pipeline: web-logs
source:
  connector: lines
  paths: [ /srv/logs/web-*.log, "/srv/{a,b}.log" ]
  max: { line.bytes: 64KiB }
topics:
  web-logs: { partitions: 4, replication.factor: 2, retention: { ms: 7d, bytes: -1 }, cleanup.policy: [ compact, delete ] }
sinks:
  - connector: BucketSink
    s3: { bucket: { name: lake } }
    flush.size.bytes: 1MB
    rotate.interval.ms: 1h30m
    field.names: a, b
  - connector: bucket
    s3.bucket.name: 0123
    sample.ratio: 0.50
    rename: { 3.to: [a, 'b,c'] }
    json.check: false
    errors.tolerance: none
errors: { tolerance: all, deadletterqueue: { topic.name: web-logs.dlq } }
`;

describe('a pipeline', () => {
  test('compiles to one source and one connector per sink, joined by a topic', async () => {
    const { pipelines, problems } = await loadText(whole);
    expect(problems).toEqual([]);
    const errors = { 'errors.tolerance': 'all', 'errors.deadletterqueue.topic.name': 'web-logs.dlq' };
    expect(pipelines).toEqual([
      {
        name: 'web-logs',
        file: 'p.yaml',
        topics: [
          {
            name: 'web-logs',
            partitions: 4,
            replicationFactor: 2,
            config: { 'retention.ms': '604800000', 'retention.bytes': '-1', 'cleanup.policy': 'compact,delete' },
          },
        ],
        written: ['web-logs'],
        connectors: [
          {
            name: 'web-logs-source',
            kind: 'source',
            config: {
              name: 'web-logs-source',
              'connector.class': 'lines',
              topic: 'web-logs',
              paths: '/srv/logs/web-*.log,/srv/{a\\,b}.log',
              'max.line.bytes': '65536',
              ...errors,
            },
          },
          {
            name: 'web-logs-bucket',
            kind: 'sink',
            config: {
              name: 'web-logs-bucket',
              'connector.class': 'bucket',
              topics: 'web-logs',
              's3.bucket.name': 'lake',
              'flush.bytes': '1000000',
              'rotate.interval.ms': '5400000',
              'field.names': 'a,b',
              ...errors,
            },
          },
          {
            name: 'web-logs-bucket-2',
            kind: 'sink',
            config: {
              name: 'web-logs-bucket-2',
              'connector.class': 'bucket',
              topics: 'web-logs',
              's3.bucket.name': '0123',
              'sample.ratio': '0.5',
              'rename.3.to': 'a,b\\,c',
              'json.check': 'false',
              ...errors,
              'errors.tolerance': 'none',
            },
          },
        ],
      },
    ]);
  });

  test('can be a source alone', async () => {
    const { pipelines } = await loadText('pipeline: p\nsource: { connector: lines, paths: /x, topic: t, name: n }\n');
    expect(pipelines[0]).toMatchObject({
      topics: [{ name: 't' }],
      connectors: [{ name: 'n', config: { topic: 't' } }],
    });
  });

  test('can be sinks alone, on a topic that is there', async () => {
    const { pipelines, problems } = await loadText(
      'pipeline: p\nsource: { topic: t }\nsinks:\n- connector: bucket\n  s3.bucket.name: x\n- connector: bucket\n  s3.bucket.name: y\n  topics.regex: logs.*\n',
    );
    expect(problems).toEqual([]);
    expect(pipelines[0]?.topics).toEqual([]);
    expect(pipelines[0]?.connectors.map(({ config }) => [config['topics'], config['topics.regex']])).toEqual([
      ['t', undefined],
      [undefined, 'logs.*'],
    ]);
  });

  test('sinks read the topic the source was told to write', async () => {
    const { pipelines } = await loadText(
      'pipeline: p\nsource: { connector: lines, paths: /x, topic: t }\nsinks: [{ connector: bucket, s3.bucket.name: x }]\n',
    );
    expect(pipelines[0]?.connectors[1]?.config['topics']).toBe('t');
  });

  test('makes room in the topic for the largest record of the source', async () => {
    const withLine = (size: string, topics = '') =>
      loadText(`pipeline: p\nsource: { connector: lines, paths: /x, max.line.bytes: ${size} }\n${topics}`);
    const limitOf = async (size: string, topics = '') =>
      (await withLine(size, topics)).pipelines[0]?.topics[0]?.config['max.message.bytes'];
    expect(await limitOf('64KiB')).toBeUndefined();
    expect(await limitOf('1MiB')).toBe(String(2 ** 20 + 2 ** 16));
    expect(await limitOf('1MiB', 'topics: { p: { partitions: 2 } }\n')).toBe(String(2 ** 20 + 2 ** 16));
    expect(await limitOf('1MiB', 'topics: { p: { max.message.bytes: 2MiB } }\n')).toBe(String(2 ** 21));
    expect(places(await withLine('4MiB', 'topics: { p: { max.message.bytes: 2MiB } }\n'))).toEqual([
      '3:11 conflict topics.p.max.message.bytes',
    ]);
  });

  test('may use anchors and merge keys, kept under x- keys', async () => {
    const { pipelines, problems } = await loadText(
      'x-sink: &sink { connector: bucket, s3.bucket.name: a, flush.size: 5 }\npipeline: p\nsource: { topic: t }\nsinks:\n- <<: *sink\n  s3.bucket.name: b\n- *sink\n- <<: [{ flush.size: 6 }, *sink]\n',
    );
    expect(problems).toEqual([]);
    expect(pipelines[0]?.connectors.map(({ config }) => [config['s3.bucket.name'], config['flush.size']])).toEqual([
      ['b', '5'],
      ['a', '5'],
      ['a', '6'],
    ]);
  });
});

/** Puts a dotted setting into a map, opening a map of its own wherever `cuts` says so. */
function nest(map: Record<string, unknown>, key: string, value: unknown, cuts: readonly boolean[]): void {
  let target = map;
  let rest = key;
  for (const isCut of cuts) {
    const dot = rest.indexOf('.');
    if (!isCut || dot < 0) break;
    const first = rest.slice(0, dot);
    target[first] ??= {};
    target = target[first] as Record<string, unknown>;
    rest = rest.slice(dot + 1);
  }
  target[rest] = value;
}

test('settings are the same however they are nested', async () => {
  const settings: Record<string, string> = {
    's3.bucket.name': 'lake',
    'flush.size': '5',
    'flush.bytes': '1024',
    'rotate.interval.ms': '60000',
    'errors.tolerance': 'all',
    'errors.deadletterqueue.topic.name': 'p.dlq',
    'errors.deadletterqueue.context.headers.enable': 'true',
  };
  const keys = fc.shuffledSubarray(Object.keys(settings));
  const cuts = fc.array(fc.array(fc.boolean(), { maxLength: 4 }), { minLength: 7, maxLength: 7 });
  const property = fc.asyncProperty(keys, cuts, async (order, cutsOfKeys) => {
    const all = ['s3.bucket.name', ...order.filter((key) => key !== 's3.bucket.name')];
    const sink: Record<string, unknown> = { connector: 'bucket' };
    for (const [index, key] of all.entries()) nest(sink, key, settings[key], cutsOfKeys[index]!);
    const { pipelines, problems } = await loadText(stringify({ pipeline: 'p', source: { topic: 't' }, sinks: [sink] }));
    expect(problems).toEqual([]);
    const expected = Object.fromEntries(all.map((key) => [key, settings[key]]));
    const implied = { name: 'p-bucket', 'connector.class': 'bucket', topics: 't' };
    expect(pipelines[0]?.connectors[0]?.config).toEqual({ ...implied, ...expected });
  });
  await fc.assert(property, { numRuns: 200 });
});

describe('mistakes in a pipeline', () => {
  const head = 'pipeline: p\nsource: { connector: lines, paths: /x }\n';

  test.each([
    ['an unknown part', `${head}sink: []\n`, ['3:1 unknown-key sink']],
    ['transforms', `${head}transforms: [{ type: filter }]\n`, ['3:1 unsupported-key transforms']],
    ['no transforms', `${head}transforms: []\n`, []],
    [
      'a name that cannot be one',
      'pipeline: a b\nsource: { connector: lines, paths: /x }\n',
      ['1:11 bad-name pipeline'],
    ],
    [
      'a name that is a map',
      'pipeline: { a: b }\nsource: { connector: lines, paths: /x }\n',
      ['1:11 wrong-type pipeline'],
    ],
    ['no name and no source', 'sinks: []\n', ['1:1 missing-key pipeline', '1:1 missing-key source']],
    ['a source without connector', 'pipeline: p\nsource: { paths: /x }\n', ['2:1 missing-key source.connector']],
    ['a source that is a text', 'pipeline: p\nsource: lines\n', ['2:9 wrong-type source']],
    ['a source that is nothing', 'pipeline: p\nsource:\n', ['2:8 wrong-type source']],
    [
      'a sink where a source belongs',
      'pipeline: p\nsource: { connector: bucket }\n',
      ['2:22 unknown-connector source.connector'],
    ],
    [
      'a connector that is a list',
      'pipeline: p\nsource: { connector: [lines] }\n',
      ['2:22 wrong-type source.connector'],
    ],
    ['a topic and nothing else', 'pipeline: p\nsource: { topic: t }\n', ['1:1 missing-key sinks']],
    ['a topic that cannot be one', 'pipeline: p\nsource: { topic: a b }\n', ['2:18 bad-name source.topic']],
    ['a sink that is a text', `${head}sinks: [bucket]\n`, ['3:9 wrong-type sinks[0]']],
    [
      'a setting nested and dotted',
      `${head}sinks:\n- connector: bucket\n  s3.bucket.name: a\n  s3: { bucket.name: b }\n`,
      ['6:9 duplicate-key sinks[0].s3.bucket.name'],
    ],
    [
      'a map for a value',
      `${head}sinks:\n- connector: bucket\n  s3.bucket.name: { a: b }\n`,
      ['5:19 wrong-type sinks[0].s3.bucket.name'],
    ],
    [
      'a list for a value',
      `${head}sinks:\n- connector: bucket\n  s3.bucket.name: [a]\n`,
      ['5:19 wrong-type sinks[0].s3.bucket.name'],
    ],
    [
      'nothing for a value',
      `${head}sinks:\n- connector: bucket\n  s3.bucket.name:\n`,
      ['5:18 bad-value sinks[0].s3.bucket.name'],
    ],
    [
      'a list of lists',
      `${head}sinks:\n- connector: bucket\n  s3.bucket.name: a\n  field.names: [[a]]\n`,
      ['6:17 wrong-type sinks[0].field.names'],
    ],
    ['an unknown error setting', `${head}errors: { tolerence: all }\n`, ['3:11 unknown-key errors.tolerence']],
    [
      'a wrong error setting, once for all connectors',
      `${head}sinks: [{ connector: bucket, s3.bucket.name: a }]\nerrors: { tolerance: some }\n`,
      ['4:22 bad-value errors.tolerance'],
    ],
    [
      'dead letters into the topic',
      `${head}errors: { deadletterqueue.topic.name: p }\n`,
      ['3:39 conflict errors.deadletterqueue.topic.name'],
    ],
    ['an unknown topic setting', `${head}topics: { p: { partition: 3 } }\n`, ['3:16 unknown-key topics.p.partition']],
    ['a topic name that cannot be one', `${head}topics: { "a b": {} }\n`, ['3:11 bad-name topics.a b']],
    ['a topic that is a number', `${head}topics: { p: 4 }\n`, ['3:14 wrong-type topics.p']],
    ['topics in a list', `${head}topics: [p]\n`, ['3:9 wrong-type topics']],
    ['a topic nobody uses', `${head}topics: { q: {} }\n`, ['3:11 unknown-key topics.q']],
    [
      'a missing cross-field setting',
      `${head}sinks: [{ connector: bucket }]\n`,
      ['3:9 conflict sinks[0].s3.bucket.name'],
    ],
    [
      'a key of every object',
      `${head}sinks: [{ connector: bucket, s3.bucket.name: a, __proto__: b, constructor: c }]\n`,
      ['3:49 unknown-key sinks[0].__proto__', '3:63 unknown-key sinks[0].constructor'],
    ],
    [
      'a connector named twice',
      'pipeline: p\nsource: { connector: lines, connector.class: lines, paths: /x }\n',
      ['2:29 duplicate-key source.connector.class'],
    ],
    ['errors that are nothing', `${head}errors:\n`, []],
    [
      'an internal setting',
      `${head}sinks: [{ connector: bucket, s3.bucket.name: a, plan.slice: 1 }]\n`,
      ['3:49 unknown-key sinks[0].plan.slice'],
    ],
  ])('%s', async (_name, text, expected) => {
    expect(places(await loadText(text))).toEqual(expected);
  });

  test('a topic nobody uses is only a warning', async () => {
    const { pipelines, problems } = await loadText(`${head}topics: { pp: {} }\n`);
    expect(pipelines).toHaveLength(1);
    expect(problems).toMatchObject([{ severity: 'warning', fix: 'Did you mean p?' }]);
  });

  test('one bad pipeline does not take the others of the file with it', async () => {
    const { pipelines, problems } = await loadText(`${head}---\npipeline: q\n`);
    expect(pipelines.map((each) => each.name)).toEqual(['p']);
    expect(problems).toHaveLength(1);
  });
});
