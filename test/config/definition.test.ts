/** A definition types, reads and checks the settings of a connector, and reports every problem at once. */

import { describe, expect, expectTypeOf, test } from 'vitest';
import { type ConfigOf, createCatalogue, defineConnector, type Problem, type Secret } from '../../config/index.ts';
import { sampleCatalogue, sampleSink, sampleSource } from './sample-catalogue.ts';

const good = { name: 'a', 'connector.class': 'bucket', topics: 't', 's3.bucket.name': 'lake' };

function problemsOf(settings: Record<string, string>): string[] {
  const result = sampleSink.parse(settings);
  return ('problems' in result ? result.problems : result.warnings).map(oneLine);
}

function oneLine({ code, path, message }: Problem): string {
  return `${code.replace('config/', '')} ${path}: ${message}`;
}

describe('a definition', () => {
  test('gives the configuration its type', () => {
    type Config = ConfigOf<typeof sampleSink>;
    expectTypeOf<Config['flush.size']>().toEqualTypeOf<number>();
    expectTypeOf<Config['s3.bucket.name']>().toEqualTypeOf<string | undefined>();
    expectTypeOf<Config['format']>().toEqualTypeOf<'jsonl' | 'text'>();
    expectTypeOf<Config['secret.key']>().toEqualTypeOf<Secret | undefined>();
    expectTypeOf<Config['tasks.max']>().toEqualTypeOf<number>();
    expectTypeOf<Config['topics']>().toEqualTypeOf<readonly string[] | undefined>();
    expectTypeOf<ConfigOf<typeof sampleSource>['topic']>().toEqualTypeOf<string>();
    expectTypeOf<ConfigOf<typeof sampleSource>['paths']>().toEqualTypeOf<readonly string[]>();
  });

  test('fills in defaults and reads units, aliases and other spellings', () => {
    const result = sampleSink.parse({
      ...good,
      'rotate.interval.ms': '1h30m',
      'flush.size.bytes': '1MiB',
      format: 'ORG.example.JsonFormat',
    });
    expect(result).toMatchObject({
      config: { 'rotate.interval.ms': 5_400_000, 'flush.bytes': 1_048_576, format: 'jsonl', 'tasks.max': 1 },
      warnings: [],
    });
  });

  test('collects the settings of a family by their names', () => {
    const given = { ...good, 'rename.3.to': 'a,b', 'rename.12.to': 'c' };
    expect(sampleSink.parse(given)).toMatchObject({
      config: { 'rename.(n).to': { 'rename.3.to': ['a', 'b'], 'rename.12.to': ['c'] } },
      warnings: [],
    });
    expect(sampleSink.parse(good)).toMatchObject({ config: { 'rename.(n).to': {} } });
    expect(problemsOf({ ...good, 'rename.3.to': 'blank', 'rename.x.to': 'a', 'rename.(n).to': 'a' })).toEqual([
      'unknown-key rename.x.to: there is no such setting',
      'unknown-key rename.(n).to: there is no such setting',
      'bad-value rename.3.to: blank is no name',
    ]);
  });

  test('reports every problem at once', () => {
    expect(
      problemsOf({ 'flush.size': 'many', formt: 'text', 'tasks.max': '0', 'rotate.interval.ms': '5 min', topics: 't' }),
    ).toEqual([
      'unknown-key formt: there is no such setting',
      'bad-value flush.size: "many" is not a whole number',
      'bad-value rotate.interval.ms: "5 min" is not a duration',
      'missing-key name: this setting is required',
      'missing-key connector.class: this setting is required',
      'bad-value tasks.max: "0" is too small',
      'conflict s3.bucket.name: objects need a bucket',
    ]);
  });

  test('names the setting that was meant', () => {
    const result = sampleSink.parse({ ...good, bucket: 'x' });
    expect('problems' in result && result.problems[0]?.fix).toBe('Did you mean s3.bucket.name?');
  });

  test('tells what is not supported from what is misspelt', () => {
    expect(
      problemsOf({ ...good, 's3.acl.canned': 'x', 's3.proxy.url': 'y', transforms: 'a', 'transforms.a.type': 'T' }),
    ).toEqual([
      'unsupported-key s3.acl.canned: not supported: the bucket decides',
      'unsupported-key s3.proxy.url: not supported: there are no proxies',
      'unsupported-key transforms: not supported: transforms are not supported yet',
      'unsupported-key transforms.a.type: not supported: transforms are not supported yet',
    ]);
  });

  test('warns about a deprecated setting and takes it', () => {
    expect(sampleSink.parse({ ...good, 'old.mode': 'true' })).toMatchObject({
      config: { 'old.mode': true },
      warnings: [{ code: 'config/deprecated-key', severity: 'warning', path: 'old.mode', fix: 'Remove it.' }],
    });
  });

  test('refuses a setting that is given under two names', () => {
    expect(problemsOf({ ...good, 'flush.bytes': '1MB', 'flush.size.bytes': '1MB' })).toEqual([
      'duplicate-key flush.size.bytes: this is the same setting as flush.bytes, which is given too',
    ]);
  });

  test('takes what a plan writes into task configs, and shows it nowhere', () => {
    expect(sampleSink.require({ ...good, 'plan.slice': '3', 'task.class': 'X' })['plan.slice']).toBe(3);
    const result = sampleSink.parse({ ...good, nonsense: '1' });
    expect('problems' in result && result.problems[0]?.fix).not.toContain('plan.slice');
  });

  test('does not let a rule speak that has looked at a bad setting', () => {
    expect(problemsOf({ ...good, 'access.key': 'k', 'secret.key': '' })).toEqual([
      'bad-value secret.key: the value is empty',
    ]);
    expect(problemsOf({ ...good, 'access.key': 'k', 'flush.size': 'x' })).toEqual([
      'bad-value flush.size: "x" is not a whole number',
      'conflict secret.key: a key needs its secret',
    ]);
  });

  test('throws all problems in one error for callers that cannot go on', () => {
    expect(() => sampleSink.require({ name: 'a', topics: 't', 'flush.size': 'x' })).toThrow(
      expect.objectContaining({
        code: 'config/invalid',
        where: 'a',
        message: expect.stringMatching(/^3 problems .*flush\.size.*connector\.class.*s3\.bucket\.name/),
      }),
    );
  });
});

describe('the rules of all connectors', () => {
  test('a sink reads topics or a pattern, not both and not neither', () => {
    const { topics: _, ...without } = good;
    expect(problemsOf(without)).toEqual(['conflict topics: a sink must know what to read']);
    expect(problemsOf({ ...good, 'topics.regex': 'a.*' })[0]).toContain('conflict topics.regex');
    expect(problemsOf({ ...without, 'topics.regex': 'a.*' })).toEqual([]);
  });

  test('dead letters do not go where they come from', () => {
    const dlq = 'errors.deadletterqueue.topic.name';
    expect(problemsOf({ ...good, [dlq]: 't' })[0]).toContain(`conflict ${dlq}`);
    const { topics: _, ...without } = good;
    expect(problemsOf({ ...without, 'topics.regex': 'logs.*', [dlq]: 'logs.dlq' })[0]).toContain(`conflict ${dlq}`);
    expect(problemsOf({ ...without, 'topics.regex': 'logs', [dlq]: 'logs.dlq' })).toEqual([]);
    const source = sampleSource.parse({ name: 'a', 'connector.class': 'lines', topic: 't', paths: '/x', [dlq]: 't' });
    expect('problems' in source && source.problems.map(oneLine)[0]).toContain(`conflict ${dlq}`);
  });

  test('only a source that knows transactions says where they end', () => {
    const source = { name: 'x', kind: 'source', title: 'X', summary: 'X.', guarantee: 'X.', fields: {} } as const;
    const settings = { name: 'x', 'connector.class': 'x', topic: 't', 'transaction.boundary': 'connector' };
    const without = defineConnector(source).parse(settings);
    expect('problems' in without && without.problems.map(oneLine)).toEqual([
      'conflict transaction.boundary: what the connector reads has no transactions, so it cannot say where they end',
    ]);
    expect(defineConnector({ ...source, definesTransactions: true }).parse(settings)).toHaveProperty('config');
  });

  test('only converters that pass bytes through are taken', () => {
    const java = 'org.apache.kafka.connect.converters.ByteArrayConverter';
    expect(sampleSink.require({ ...good, 'value.converter': java, 'key.converter': 'StringConverter' })).toMatchObject({
      'value.converter': 'bytes',
      'key.converter': 'string',
    });
    expect(problemsOf({ ...good, 'key.converter': 'constructor' })[0]).toContain('bad-value key.converter');
    const json = 'org.apache.kafka.connect.json.JsonConverter';
    expect(problemsOf({ ...good, 'value.converter': json, 'value.converter.schemas.enable': 'false' })).toEqual([
      'unsupported-key value.converter.schemas.enable: not supported: the converters that are there have no settings',
      `bad-value value.converter: "${json}" is a converter that would change records, and none that does is there yet`,
    ]);
  });

  test.each(['', 'a/b', 'a%b', ' a', '..', 'a\nb', 'x'.repeat(201)])('%j cannot be the name of a connector', (name) => {
    expect(problemsOf({ ...good, name })).toEqual(['bad-value name: this cannot be the name of a connector']);
  });
});

describe('a catalogue', () => {
  test('finds connectors by every name, in any case', () => {
    expect(sampleCatalogue.find('bucketsink')).toBe(sampleSink);
    expect(sampleCatalogue.find('org.example.LinesSourceConnector')).toBe(sampleSource);
    expect(sampleCatalogue.find('other')).toBeUndefined();
    expect(sampleCatalogue.all().map((each) => each.name)).toEqual(['bucket', 'lines', 'tables']);
  });

  test('refuses two connectors of one name', () => {
    expect(() => createCatalogue([sampleSink, { ...sampleSource, aliases: ['Bucket'] }])).toThrow(/answer to Bucket/);
  });
});
