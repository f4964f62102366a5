/** The settings every connector has, under Kafka Connect's names: the same key means the same everywhere. */

import { type Field, makeField, type Parsed, type Show } from './field.ts';
import { field } from './kinds.ts';

const group = {
  general: 'General',
  data: 'Topics and conversion',
  delivery: 'Delivery',
  errors: 'Errors',
  clients: 'Kafka clients',
} as const;

/** How record bytes are treated; both pass them through, `string` also promises that they are UTF-8 text. */
type ConverterName = 'bytes' | 'string';

const converters = new Map<string, ConverterName>(
  Object.entries({
    bytes: 'bytes',
    string: 'string',
    'org.apache.kafka.connect.converters.bytearrayconverter': 'bytes',
    bytearrayconverter: 'bytes',
    'org.apache.kafka.connect.storage.stringconverter': 'string',
    stringconverter: 'string',
  }),
);

/** Settings of sources and sinks alike. */
export function commonFields() {
  return {
    name: field.string({
      doc: 'The name of the connector. It names its consumer group and stored offsets too, so a new name starts anew.',
      required: true,
      group: group.general,
      example: 'web-logs-s3',
      check: connectorNameComplaint,
    }),
    'connector.class': field.string({
      doc: 'Which connector runs: its short name, or the Java class name of the one it stands in for.',
      required: true,
      group: group.general,
    }),
    'tasks.max': field.int({
      doc: 'The most tasks the work is split into.',
      default: 1,
      min: 1,
      max: 10_000,
      importance: 'high',
      group: group.general,
    }),
    ...converterFields(),
    ...errorFields(),
    'task.class': field.string({ doc: 'Written into task configs by Kafka Connect.', internal: true }),
  };
}

function converterFields() {
  return {
    'key.converter': converter('How record keys are treated: `bytes` or `string`. Both pass them through as they are.'),
    'value.converter': converter(
      'How record values are treated: `bytes` or `string`. Both pass them through as they are.',
    ),
  };
}

function errorFields() {
  return {
    'errors.tolerance': field.choice(['none', 'all'], {
      doc: 'What happens to a record that cannot be handled: `none` fails the task, `all` skips it, counts it, and dead-letters it where that is set.',
      default: 'none',
      group: group.errors,
    }),
    'errors.retry.timeout': field.duration({
      doc: 'How long a failed operation on a record is repeated before it counts as failed.',
      default: 0,
      min: -1,
      importance: 'low',
      group: group.errors,
      noEffect: 'what may succeed later is repeated until it does',
    }),
    'errors.retry.delay.max.ms': field.duration({
      doc: 'The longest pause between two repetitions.',
      default: 60_000,
      importance: 'low',
      group: group.errors,
      noEffect: 'pauses grow and are bounded by themselves',
    }),
    'errors.log.enable': field.boolean({
      doc: 'Write each failed record’s place and reason to the log.',
      default: false,
      group: group.errors,
    }),
    'errors.log.include.messages': field.boolean({
      doc: 'Write the key and value of failed records to the log too.',
      default: false,
      importance: 'low',
      group: group.errors,
      noEffect: 'records may be confidential and never go to the log; look at the dead letters',
    }),
    'errors.deadletterqueue.topic.name': field.topic({
      doc: 'The topic for records that could not be handled.',
      group: group.errors,
      example: 'web-logs.dlq',
    }),
    'errors.deadletterqueue.topic.replication.factor': field.int({
      doc: 'Replicas of the dead letter topic when it has to be created.',
      default: -1,
      min: -1,
      max: 32_767,
      importance: 'low',
      group: group.errors,
      noEffect: 'the topic gets the broker’s default; declare it under topics: to choose',
    }),
    'errors.deadletterqueue.context.headers.enable': field.boolean({
      doc: 'Add headers to dead letters that say where the record came from and why it failed.',
      default: false,
      importance: 'low',
      group: group.errors,
    }),
  };
}

/** Settings of source connectors. */
export function sourceFields() {
  return {
    topic: field.topic({
      doc: 'The topic records are written to. In a pipeline it is the pipeline’s name unless given.',
      required: true,
      group: group.data,
      example: 'web-logs',
    }),
    ...transactionFields(),
    'producer.override.compression.type': field.choice(['none', 'gzip', 'snappy', 'lz4', 'zstd'], {
      doc: 'The compression of record batches on the wire and in the topic.',
      default: 'none',
      importance: 'low',
      group: group.clients,
    }),
  };
}

function transactionFields() {
  return {
    'exactly.once.support': field.choice(['requested', 'required'], {
      doc: 'With `required` the connector does not run on a worker that delivers at least once only.',
      default: 'requested',
      group: group.delivery,
    }),
    'transaction.boundary': field.choice(['poll', 'interval', 'connector'], {
      doc: 'When a transaction of records and their source offsets ends: between two polls, after `transaction.boundary.interval.ms`, or with `connector` only where transactions of the source end, so that none of them is seen in part. Readers of committed records see its records then.',
      default: 'poll',
      group: group.delivery,
    }),
    'transaction.boundary.interval.ms': field.duration({
      doc: 'How long a transaction stays open with `transaction.boundary: interval`; a minute unless given.',
      min: 1,
      max: 300_000,
      importance: 'low',
      group: group.delivery,
    }),
  };
}

/** Settings of sink connectors. */
export function sinkFields() {
  return {
    topics: field.topics({
      doc: 'The topics records are read from. In a pipeline those its source writes to, unless given.',
      importance: 'high',
      group: group.data,
      example: 'web-logs',
    }),
    'topics.regex': field.regex({
      doc: 'Read every topic whose whole name matches, instead of naming them in `topics`. There need be none yet; those that come later are read too.',
      group: group.data,
      example: 'logs\\..*',
    }),
    'consumer.override.auto.offset.reset': field.choice(['earliest', 'latest'], {
      doc: 'Where to start in a partition without a committed offset.',
      default: 'earliest',
      importance: 'low',
      group: group.clients,
    }),
  };
}

function converter(doc: string): Field<ConverterName> {
  const parse = (text: string, show: Show): Parsed<ConverterName> => {
    const value = converters.get(text.trim().toLowerCase());
    if (value !== undefined) return { value };
    return {
      message: `${show(text)} is a converter that would change records, and none that does is there yet`,
      fix: 'Use bytes or string (or Kafka Connect’s ByteArrayConverter or StringConverter); JSON text passes through both unchanged.',
    };
  };
  return makeField(
    { kind: 'converter', choices: ['bytes', 'string'], spellings: [...converters.keys()], parse },
    { doc, default: 'bytes', group: group.data },
  );
}

/**
 * What is wrong with a connector's name, or undefined. Kafka Connect takes nearly anything, but names with these
 * characters can then not be reached under their own REST path.
 */
function connectorNameComplaint(name: string): { message: string; fix: string } | undefined {
  const isUsable = name !== '.' && name !== '..' && name.trim() === name && /^[^\p{Cc}/\\%{}?#]{1,200}$/u.test(name);
  if (isUsable) return undefined;
  return {
    message: 'this cannot be the name of a connector',
    fix: 'Use 1 to 200 characters without / \\ % { } ? #, control characters or spaces at the ends.',
  };
}
