/** Settings of the S3 sink about what is in an object, when it closes, and what it is called. */

import { field } from '../../config/index.ts';

const mebibyte = 1024 * 1024;
const partitionerPackage = 'io.confluent.connect.storage.partitioner';

export function formatFields() {
  const group = 'Content and rotation';
  return {
    format: field.choice(['jsonl', 'text', 'bytes'], {
      doc: 'What an object holds: `jsonl` one JSON document per line, `text` one value per line, `bytes` the values one behind the other.',
      default: 'jsonl',
      importance: 'high',
      group,
      aliases: ['format.class'],
      also: {
        'io.confluent.connect.s3.format.json.JsonFormat': 'jsonl',
        'io.confluent.connect.s3.format.bytearray.ByteArrayFormat': 'bytes',
      },
    }),
    'json.check': field.choice(['full', 'light', 'none'], {
      doc: 'How values are checked for `format: jsonl`: `full` reads the whole document, `light` looks at its first and last character, `none` trusts the producer. Line breaks between tokens become spaces in the first two.',
      default: 'full',
      importance: 'low',
      group,
    }),
    'text.newlines': field.choice(['keep', 'space', 'fail'], {
      doc: 'What happens to a line break inside a value with `format: text`: it stays, becomes a space, or makes the record a bad one.',
      default: 'keep',
      importance: 'low',
      group,
    }),
    'format.bytearray.separator': field.string({
      doc: 'What stands behind each value with `format: bytes`; `\\n`, `\\r`, `\\t`, `\\0` and `\\\\` are understood. Nothing by default.',
      default: '',
      importance: 'low',
      group,
    }),
    'format.bytearray.extension': field.string({
      doc: 'The ending of object names with `format: bytes`.',
      default: '.bin',
      importance: 'low',
      group,
      check: (ending) =>
        /^\.[A-Za-z0-9._-]+$/.test(ending)
          ? undefined
          : { message: 'this is no ending', fix: 'Write one such as .bin.' },
    }),
    'behavior.on.null.values': field.choice(['fail', 'ignore', 'write'], {
      doc: 'What happens to a record without value: it is a bad record, is skipped and counted, or is written as `null` (jsonl) or as an empty value.',
      default: 'fail',
      group,
    }),
    's3.compression.type': field.choice(['none', 'gzip', 'zstd'], {
      doc: 'The compression of objects.',
      default: 'none',
      importance: 'high',
      group,
    }),
    's3.compression.level': field.int({
      doc: 'The compression level: 1 to 9 for gzip (6 unless given), -7 to 19 for zstd (1 unless given).',
      min: -7,
      max: 19,
      importance: 'low',
      group,
    }),
  };
}

export function rotationFields() {
  const group = 'Content and rotation';
  return {
    'flush.size': field.int({
      doc: 'The most records in an object; 0 for no limit.',
      default: 0,
      min: 0,
      importance: 'high',
      group,
    }),
    'flush.bytes': field.bytes({
      doc: 'The size at which an object closes, in bytes as stored (compressed).',
      default: 128 * mebibyte,
      min: 1024,
      importance: 'high',
      group,
    }),
    'max.age.ms': field.duration({
      doc: 'The longest an object stays open by the wall clock, also when nothing arrives. Unless given it is `rotate.interval.ms`, or 10 minutes without that.',
      min: 100,
      group,
    }),
    'rotate.interval.ms': field.duration({
      doc: 'The span of time, by `timestamp.extractor`, that one object covers: a record this much later than the first one opens the next.',
      min: -1,
      default: -1,
      group,
    }),
    'rotate.schedule.interval.ms': field.duration({
      doc: 'Closes all objects at every multiple of this, counted from midnight in `timezone`.',
      min: -1,
      default: -1,
      group,
    }),
  };
}

export function partitionFields() {
  const group = 'Names';
  return {
    'partitioner.class': field.choice(['default', 'field', 'time', 'daily', 'hourly'], {
      doc: 'What the folders of a topic go by: `default` the partition, `field` the values of fields, `time` (and `daily`, `hourly`) the time.',
      default: 'default',
      importance: 'high',
      group,
      also: {
        [`${partitionerPackage}.DefaultPartitioner`]: 'default',
        [`${partitionerPackage}.FieldPartitioner`]: 'field',
        [`${partitionerPackage}.TimeBasedPartitioner`]: 'time',
        [`${partitionerPackage}.DailyPartitioner`]: 'daily',
        [`${partitionerPackage}.HourlyPartitioner`]: 'hourly',
      },
    }),
    'partition.field.name': field.list({
      doc: 'The fields of the JSON value for `partitioner.class: field`, dots leading inwards; each gives a folder `name=value`.',
      default: [],
      group,
      example: 'country,customer.tier',
    }),
    'path.format': field.string({
      doc: 'The folders of `partitioner.class: time` as a date pattern; text stands in single quotes.',
      default: "'year'=YYYY/'month'=MM/'day'=dd/'hour'=HH",
      group,
    }),
    'partition.duration.ms': field.duration({
      doc: 'The span of time one folder of `partitioner.class: time` covers.',
      default: 3_600_000,
      min: 1000,
      group,
    }),
    'partition.grace.ms': field.duration({
      doc: 'How long after the end of its span a folder’s file stays open for stragglers, by the time of the records.',
      default: 60_000,
      importance: 'low',
      group,
    }),
    timezone: field.string({ doc: 'The time zone of folders and schedules.', default: 'UTC', group }),
    locale: field.string({
      doc: 'The language of month and day names in `path.format`.',
      default: 'en-US',
      importance: 'low',
      group,
    }),
    'timestamp.extractor': field.choice(['wallclock', 'record', 'recordfield'], {
      doc: 'The time of a record: `Wallclock` when it is written, `Record` its Kafka timestamp, `RecordField` a field of its value.',
      default: 'wallclock',
      group,
    }),
    'timestamp.field': field.string({
      doc: 'The field for `timestamp.extractor: RecordField`: milliseconds since 1970, or ISO 8601 text.',
      default: 'timestamp',
      group,
    }),
    'file.delim': field.string({
      doc: 'What divides topic, partition and offset in an object’s name.',
      default: '+',
      importance: 'low',
      group,
      check: (text) =>
        /^[+_\-.~!@]{1,8}$/.test(text) ? undefined : { message: 'this cannot divide a name', fix: 'Use + - _ . or ~.' },
    }),
    'filename.offset.zero.pad.width': field.int({
      doc: 'The digits of the offset in an object’s name; shorter ones are filled with zeros.',
      default: 10,
      min: 0,
      max: 20,
      importance: 'low',
      group,
    }),
  };
}
