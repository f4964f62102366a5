/** The settings of the S3 sink, under Confluent's names where it has one. */

import { type ConfigOf, defineConnector } from '../../config/index.ts';
import { formatFields, partitionFields, rotationFields } from './config-layout.ts';
import { storeFields, uploadFields } from './config-store.ts';
import { patternComplaint } from './partitioners/date-pattern.ts';
import { zoneComplaint } from './partitioners/time-zone.ts';

/** What S3 allows in one upload. */
const partLimit = 10_000;

export const definition = defineConnector({
  name: 's3',
  aliases: ['S3SinkConnector', 'io.confluent.connect.s3.S3SinkConnector'],
  kind: 'sink',
  title: 'S3 sink',
  summary:
    'Writes the records of topics as objects of an S3 bucket, or as files of a local folder: JSON lines, text or raw bytes, plain or compressed, sorted into folders by partition, field or time.',
  guarantee:
    'Each record is in exactly one object, in offset order within an object; a crash, rebalance or lost answer leaves neither gap nor duplicate in the bucket relative to the topic.',
  fields: { ...storeFields(), ...formatFields(), ...rotationFields(), ...partitionFields(), ...uploadFields() },
  unsupported: {
    'schema.compatibility': 'values are written as the bytes they are, so there is no schema to compare',
    'schema.generator.class': 'values are written as the bytes they are',
    's3.credentials.provider.class': 'credentials come from the settings or from the chain of the AWS SDK',
    's3.credentials.provider.*': 'credentials come from the settings or from the chain of the AWS SDK',
    's3.part.retries': 'a call that may succeed later is repeated until it does',
    's3.retry.backoff.ms': 'pauses between repetitions grow from 200 ms to 30 s by themselves',
    's3.sse.customer.key': 'customer-provided keys are not supported; use s3.sse.kms.key.id',
    's3.proxy.*': 'proxies are not supported',
    's3.wan.mode': 'transfer acceleration is not supported; give its endpoint as store.url',
    's3.elastic.buffer.*': 'buffers grow by themselves inside memory.budget.bytes',
    's3.object.tagging.*': 'objects carry their offsets as metadata',
    's3.object.tagging': 'objects carry their offsets as metadata',
    's3.schema.*': 'values are written as the bytes they are',
    's3.http.*': 'this detail of requests is fixed',
    'enable.conditional.writes': 'conditional writes are always on',
    'store.kafka.keys': 'keys are not written yet',
    'store.kafka.headers': 'headers are not written yet',
    'keys.format.class': 'keys are not written yet',
    'headers.format.class': 'headers are not written yet',
    'rotate.file.on.partition.change': 'files of different folders rotate independently',
    'shutdown.timeout.ms': 'the worker bounds its shutdown',
    'retry.backoff.ms': 'pauses between repetitions grow from 200 ms to 30 s by themselves',
    'avro.codec': 'Avro is not supported yet',
    'parquet.codec': 'Parquet is not supported yet',
    'json.decimal.format': 'values are written as the bytes they are',
    'directory.delim': 'folders are divided by a slash',
  },
  check(config, report) {
    const isLocal = config['store.url']?.startsWith('file:') === true;
    if (!isLocal && config['s3.bucket.name'] === undefined) {
      report(
        's3.bucket.name',
        'objects need a bucket',
        'Name one, or write to a folder with store.url: file:/some/folder.',
      );
    }
    if ((config['aws.access.key.id'] === undefined) !== (config['aws.secret.access.key'] === undefined)) {
      report(
        'aws.secret.access.key',
        'a key id and its secret go together',
        'Give both, or neither for the SDK’s own chain.',
      );
    }
    if (config['partitioner.class'] === 'field' && config['partition.field.name'].length === 0) {
      report('partition.field.name', 'the field partitioner needs a field', 'Name one or more, such as country.');
    }
    const pattern = patternComplaint(config['path.format']);
    if (pattern !== undefined) report('path.format', pattern, "Write one such as 'year'=YYYY/'month'=MM/'day'=dd.");
    const zone = zoneComplaint(config['timezone'], config['locale']);
    if (zone !== undefined)
      report('timezone', zone, 'Use a name such as UTC or Europe/Berlin, and a locale such as en-US.');
    if (config['flush.bytes'] > config['s3.part.size'] * partLimit) {
      report('flush.bytes', 'an object may have 10,000 parts', 'Raise s3.part.size or lower flush.bytes.');
    }
    if (config['memory.budget.bytes'] < config['s3.part.size'] * 2) {
      report('memory.budget.bytes', 'the budget must hold two parts', 'Raise it, or lower s3.part.size.');
    }
  },
});

export type S3SinkConfig = ConfigOf<typeof definition>;
