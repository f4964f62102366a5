/** A catalogue with one source and one sink that have a field of every kind, for the tests of config. */

import { createCatalogue, defineConnector, field } from '../../config/index.ts';

export const sampleSource = defineConnector({
  name: 'lines',
  aliases: ['org.example.LinesSourceConnector'],
  kind: 'source',
  title: 'Lines',
  summary: 'Reads lines.',
  guarantee: 'At least once.',
  fields: {
    paths: field.globs({ doc: 'Files to read.', required: true, aliases: ['file'], example: '/srv/logs/*.log' }),
    'start.position': field.choice(['beginning', 'end'], { doc: 'Where to start.', default: 'beginning' }),
    'max.line.bytes': field.bytes({ doc: 'The longest line.', default: 1024, min: 16 }),
  },
  largestRecordBytes: (config) => config['max.line.bytes'],
});

export const sampleSink = defineConnector({
  name: 'bucket',
  aliases: ['org.example.BucketSinkConnector', 'BucketSink'],
  kind: 'sink',
  title: 'Bucket',
  summary: 'Writes objects.',
  guarantee: 'Exactly once.',
  fields: {
    's3.bucket.name': field.string({ doc: 'The bucket.', example: 'lake', group: 'Store' }),
    'store.url': field.url({ doc: 'Where the store is.', schemes: ['http', 'https', 'file'], group: 'Store' }),
    'access.key': field.string({ doc: 'The key.', group: 'Store' }),
    'secret.key': field.secret({ doc: 'The secret of the key.', group: 'Store' }),
    'flush.size': field.int({ doc: 'The most records.', default: 0, min: 0, max: 1_000_000 }),
    'flush.bytes': field.bytes({ doc: 'The largest size.', default: 2 ** 27, aliases: ['flush.size.bytes'] }),
    'rotate.interval.ms': field.duration({ doc: 'The longest span.', default: -1, min: -1 }),
    'sample.ratio': field.number({ doc: 'How many records.', default: 1, min: 0, max: 1 }),
    format: field.choice(['jsonl', 'text'], {
      doc: 'What is written.',
      default: 'jsonl',
      also: { 'org.example.JsonFormat': 'jsonl' },
    }),
    'field.names': field.list({ doc: 'Names of fields.', default: [] }),
    'spool.dir': field.path({ doc: 'Where to spool.' }),
    'name.pattern': field.regex({ doc: 'Which names.' }),
    'json.check': field.boolean({ doc: 'Check values.', default: true }),
    'rename.(n).to': field.family(
      /^rename\.\d+\.to$/,
      field.list({ doc: 'Names for the field at position n.', check: noBlank }),
    ),
    'old.mode': field.boolean({ doc: 'Does nothing.', default: false, deprecated: 'Remove it.' }),
    'plan.slice': field.int({ doc: 'Written by the plan.', internal: true }),
  },
  unsupported: { 's3.acl.canned': 'the bucket decides', 's3.proxy.*': 'there are no proxies' },
  check(config, report) {
    const isFolder = config['store.url']?.startsWith('file:') === true;
    if (!isFolder && config['s3.bucket.name'] === undefined) {
      report('s3.bucket.name', 'objects need a bucket', 'Name one.');
    }
    if (config['access.key'] !== undefined && config['secret.key'] === undefined) {
      report('secret.key', 'a key needs its secret', 'Give it.');
    }
  },
});

/** A source that names its topics itself when it has a prefix, or cannot say how. */
export const sampleTablesSource = defineConnector({
  name: 'tables',
  kind: 'source',
  title: 'Tables',
  summary: 'Reads tables.',
  guarantee: 'At least once.',
  fields: {
    topic: field.topic({ doc: 'One topic for all.' }),
    prefix: field.string({ doc: 'Begins the name of each topic; any begins with anything.' }),
  },
  topicsNamedBy: ['prefix'],
  topics({ prefix, topic = '' }) {
    if (prefix === undefined) return { names: [topic], families: [], aside: [] };
    const pattern = prefix === 'any' ? undefined : `${prefix}\\..+`;
    return { names: [], families: [{ pattern, shown: `${prefix}.TABLE` }], aside: [`${prefix}-news`] };
  },
});

export const sampleCatalogue = createCatalogue([sampleSource, sampleTablesSource, sampleSink]);

function noBlank(names: readonly string[]) {
  return names.includes('blank') ? { message: 'blank is no name', fix: 'Give another.' } : undefined;
}
