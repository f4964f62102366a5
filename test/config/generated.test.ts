/** What is generated from definitions: reference, JSON Schema, and Kafka Connect's answers about a plugin. */

import { describe, expect, test } from 'vitest';
import {
  type ConfigInfos,
  configKeys,
  connectorReference,
  errorReference,
  type JsonSchema,
  pipelineJsonSchema,
  validateForRest,
} from '../../config/index.ts';
import { type ErrorCodes, registeredErrors } from '../../core/base/errors.ts';
import { sampleCatalogue, sampleSink } from './sample-catalogue.ts';

const good = { name: 'a', 'connector.class': 'bucket', topics: 't', 's3.bucket.name': 'lake' };

function errorsOf({ configs }: ConfigInfos): Record<string, readonly string[]> {
  const withErrors = configs.filter(({ value }) => value.errors.length > 0);
  return Object.fromEntries(withErrors.map(({ value }) => [value.name, value.errors]));
}

describe('the validation of Kafka Connect', () => {
  test('lists every setting with its definition and value', () => {
    const infos = validateForRest(sampleSink, { ...good, 'flush.bytes': '1MiB' });
    expect(infos).toMatchObject({
      name: 'bucket',
      error_count: 0,
      groups: expect.arrayContaining(['Store', 'Errors']),
    });
    const flush = infos.configs.find(({ value }) => value.name === 'flush.bytes');
    expect(flush).toEqual({
      definition: {
        name: 'flush.bytes',
        type: 'LONG',
        required: false,
        default_value: '134217728',
        importance: 'MEDIUM',
        documentation: 'The largest size.',
        group: 'Bucket',
        order_in_group: 2,
        width: 'SHORT',
        display_name: 'flush.bytes',
        dependents: [],
      },
      value: { name: 'flush.bytes', value: '1MiB', recommended_values: [], errors: [], visible: true },
    });
    const format = infos.configs.find(({ value }) => value.name === 'format');
    expect(format?.value).toMatchObject({ value: 'jsonl', recommended_values: ['jsonl', 'text'] });
    expect(infos.configs.map(({ value }) => value.name)).not.toContain('plan.slice');
  });

  test('takes the settings of a family, which have no definition of their own', () => {
    const infos = validateForRest(sampleSink, { ...good, 'rename.1.to': 'a', 'rename.2.to': 'blank' });
    expect(infos.error_count).toBe(1);
    expect(errorsOf(infos)).toEqual({ 'rename.2.to': ['blank is no name. Give another.'] });
    expect(infos.configs.find(({ value }) => value.name === 'rename.1.to')).toMatchObject({ definition: null });
    expect(infos.configs.map(({ value }) => value.name)).not.toContain('rename.(n).to');
  });

  test('is complete when nothing is right', () => {
    const infos = validateForRest(sampleSink, {
      'flush.size': 'x',
      'flush.size.bytes': 'y',
      foo: '1',
      format: null,
      'plan.slice': '1',
    });
    expect(errorsOf(infos)).toEqual({
      'flush.size': ['"x" is not a whole number. Write digits only, such as 1000.'],
      'flush.bytes': [expect.stringContaining('"y" is not a size')],
      format: ['the value is null. Give a value, or remove the setting.'],
      name: [expect.stringContaining('this setting is required')],
      'connector.class': [expect.stringContaining('this setting is required')],
      topics: ['a sink must know what to read. Give topics, or topics.regex.'],
      's3.bucket.name': ['objects need a bucket. Name one.'],
      foo: [expect.stringContaining('there is no such setting')],
      'plan.slice': [expect.stringContaining('there is no such setting')],
    });
    expect(infos.error_count).toBe(9);
    expect(infos.configs.find(({ value }) => value.name === 'foo')?.definition).toBeNull();
  });

  test('echoes no secret, known or misspelt', () => {
    const infos = validateForRest(sampleSink, {
      ...good,
      'secret.key': 'hunter2',
      'secret.kee': 'hunter2',
      'access.key': '',
    });
    expect(JSON.stringify(infos)).not.toContain('hunter2');
  });

  test('counts settings within their groups', () => {
    const store = configKeys(sampleSink).filter((each) => each.group === 'Store');
    expect(store.map((each) => [each.name, each.order_in_group, each.type])).toEqual([
      ['s3.bucket.name', 1, 'STRING'],
      ['store.url', 2, 'STRING'],
      ['access.key', 3, 'STRING'],
      ['secret.key', 4, 'PASSWORD'],
    ]);
  });
});

describe('the reference', () => {
  test('has every setting users may write, by group, own groups first', () => {
    const text = connectorReference(sampleSink);
    expect(text).toContain(
      '`connector:` (in REST `connector.class`) is `bucket`, `org.example.BucketSinkConnector` or `BucketSink`.',
    );
    expect(text.match(/^### .*/gm)).toEqual([
      '### Store',
      '### Bucket',
      '### General',
      '### Topics and conversion',
      '### Errors',
      '### Kafka clients',
      '### Not supported',
    ]);
    expect(text).toContain('| `flush.bytes` | size | `128MiB` | The largest size. Also `flush.size.bytes`. |');
    expect(text).toContain('| `old.mode` | boolean | `false` | Does nothing. **Going away:** Remove it. |');
    expect(text).toContain('- `s3.proxy.*`: there are no proxies.');
    expect(text).not.toContain('plan.slice');
  });

  test('has every error code with meaning and fix', () => {
    const area = {
      area: 'x',
      specs: { one: { meaning: 'A | B.', fix: 'Do.', retriable: true } },
    } as unknown as ErrorCodes<string>;
    expect(errorReference([area])).toBe(
      '## x\n\n| Code | What it means | What to do | Retried |\n|---|---|---|---|\n| `x/one` | A \\| B. | Do. | yes |',
    );
    expect(errorReference(registeredErrors().values())).toContain('`config/unknown-key`');
  });
});

describe('the JSON Schema', () => {
  const schema = pipelineJsonSchema(sampleCatalogue);
  const definitions = schema['definitions'] as Record<string, JsonSchema>;

  test('has only references that lead somewhere', () => {
    const references = [...JSON.stringify(schema).matchAll(/"\$ref":"#\/definitions\/([^"]+)"/g)].map(
      (match) => match[1]!,
    );
    expect(references.length).toBeGreaterThan(20);
    expect(references.filter((each) => definitions[each] === undefined)).toEqual([]);
  });

  test('has only patterns that are regular expressions in Unicode mode too', () => {
    const patterns = [...JSON.stringify(schema).matchAll(/"pattern":("(?:[^"\\]|\\.)*")/g)].map((match) =>
      JSON.parse(match[1]!),
    );
    for (const pattern of patterns) expect(() => new RegExp(pattern, 'u')).not.toThrow();
  });

  test('knows settings dotted and nested, under aliases too, and no others', () => {
    const sink = definitions['sink-bucket'] as {
      properties: Record<string, JsonSchema>;
      additionalProperties: boolean;
    };
    expect(sink.additionalProperties).toBe(false);
    const flush = { $ref: '#/definitions/sink-bucket:flush.bytes' };
    expect(sink.properties['flush.bytes']).toEqual(flush);
    expect(sink.properties['flush.size.bytes']).toEqual(flush);
    expect((sink.properties['flush'] as { properties: unknown }).properties).toMatchObject({
      bytes: flush,
      'size.bytes': flush,
    });
    expect(Object.keys(sink.properties)).not.toContain('plan.slice');
  });

  test('takes the values the parser takes', () => {
    expect((definitions['sink-bucket'] as JsonSchema)['patternProperties']).toEqual({
      '^rename\\.\\d+\\.to$': { $ref: '#/definitions/sink-bucket:rename.(n).to' },
    });
    const matches = (id: string, text: string) => new RegExp(String(definitions[id]!['pattern']), 'u').test(text);
    for (const text of ['5m', '1h30m', '300000', `\${env:AGE:-5m}`])
      expect(matches('sink-bucket:rotate.interval.ms', text)).toBe(true);
    for (const text of ['5 minutes', 'x', '']) expect(matches('sink-bucket:rotate.interval.ms', text)).toBe(false);
    for (const text of ['128MiB', '1 kb', '17']) expect(matches('sink-bucket:flush.bytes', text)).toBe(true);
    expect(matches('sink-bucket:flush.bytes', '128M')).toBe(false);
    const format = definitions['sink-bucket:format']!['anyOf'] as JsonSchema[];
    expect(format[0]).toEqual({ enum: ['jsonl', 'text'] });
    expect(new RegExp(String(format[1]!['pattern']), 'u').test('ORG.example.JsonFormat')).toBe(true);
  });
});
