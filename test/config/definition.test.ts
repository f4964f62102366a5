/** A definition types, reads and checks the settings of a connector, and reports every problem at once. */

import { describe, expect, expectTypeOf, test } from 'vitest';
import { type ConfigOf, defineConnector, field, Secret } from '../../config/index.ts';

const definition = defineConnector({
  name: 'sample',
  aliases: ['org.example.SampleSinkConnector'],
  kind: 'sink',
  title: 'Sample',
  summary: 'Stands in for a real sink.',
  guarantee: 'None.',
  fields: {
    's3.bucket.name': field.string({ doc: 'The bucket.', required: true, example: 'lake' }),
    'rotate.interval.ms': field.duration({ doc: 'The longest age.', default: 60_000 }),
    'flush.bytes': field.bytes({ doc: 'The largest size.', aliases: ['flush.size.bytes'] }),
    format: field.choice(['jsonl', 'text'], { doc: 'The format.', default: 'jsonl', also: { 'org.example.Json': 'jsonl' } }),
    'secret.key': field.secret({ doc: 'The key.' }),
    'old.mode': field.boolean({ doc: 'Gone soon.', default: false, deprecated: 'Use format.' }),
  },
  unsupported: { 's3.acl.canned': 'access lists are left to the bucket' },
  check(config, report) {
    if (config.format === 'text' && config['flush.bytes'] === 1) report('flush.bytes', 'too small for text', 'Raise it.');
  },
});

const good = { name: 'a', 'connector.class': 'sample', topics: 't', 's3.bucket.name': 'lake' };

describe('a definition', () => {
  test('gives the configuration its type', () => {
    type Config = ConfigOf<typeof definition>;
    expectTypeOf<Config['s3.bucket.name']>().toEqualTypeOf<string>();
    expectTypeOf<Config['rotate.interval.ms']>().toEqualTypeOf<number>();
    expectTypeOf<Config['flush.bytes']>().toEqualTypeOf<number | undefined>();
    expectTypeOf<Config['format']>().toEqualTypeOf<'jsonl' | 'text'>();
    expectTypeOf<Config['secret.key']>().toEqualTypeOf<Secret | undefined>();
    expectTypeOf<Config['tasks.max']>().toEqualTypeOf<number>();
    expectTypeOf<Config['topics']>().toEqualTypeOf<readonly string[] | undefined>();
  });

  test('fills in defaults and reads units, aliases and other spellings', () => {
    const result = definition.parse({ ...good, 'rotate.interval.ms': '1h30m', 'flush.size.bytes': '1MiB', format: 'ORG.example.Json' });
    expect(result).toMatchObject({
      config: { 'rotate.interval.ms': 5_400_000, 'flush.bytes': 1_048_576, format: 'jsonl', 'tasks.max': 1 },
      warnings: [],
    });
  });
});
