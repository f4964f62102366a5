/** Settings of Debezium that change nothing here, and those that are refused, each with the reason. */

import { withoutEffect } from './config-fields.ts';

const buffers = 'changes pass through buffers that are bounded by bytes';
const oneSnapshot = 'every part of a table is read as of one moment, without locks that anybody would wait for';
const noWatermarks = 'no watermarks are written to the database';
const ownConnection = 'the topic of signals is one of the worker’s own brokers';
const copy = 'tables are read by COPY, which streams';

export function idleFields() {
  return withoutEffect({
    'max.batch.size': buffers,
    'max.queue.size': buffers,
    'queue.provider.type': buffers,
    'poll.interval.ms': 'changes are passed on as they come',
    'poll.dispatch.interval.ms': 'changes are passed on as they come',
    'snapshot.fetch.size': copy,
    'query.fetch.size': copy,
    'snapshot.isolation.mode': oneSnapshot,
    'snapshot.locking.mode': oneSnapshot,
    'snapshot.lock.timeout.ms': oneSnapshot,
    'snapshot.max.threads.multiplier': 'the size of the parts is snapshot.chunk.bytes',
    'legacy.snapshot.max.threads': 'tables are always read in parts',
    'incremental.snapshot.allow.schema.changes': 'what was read of a table that changes meanwhile is read again',
    'incremental.snapshot.watermarking.strategy': noWatermarks,
    'signal.poll.interval.ms': 'signals come as they are written',
    'signal.kafka.bootstrap.servers': ownConnection,
    'signal.kafka.groupId': 'how far signals were taken is stored with the offsets of the connector',
    'signal.kafka.poll.timeout.ms': 'signals come as they are written',
    'read.only': noWatermarks,
    'schema.refresh.mode': 'the shape of a row is the one the stream describes',
    'event.processing.failure.handling.mode': 'errors.tolerance says what happens to changes that cannot be handled',
    'event.converting.failure.handling.mode': 'unrepresentable.handling.mode says it',
    'errors.max.retries': 'what may succeed later is repeated until it does',
    'retriable.restart.connector.wait.ms': 'pauses grow and are bounded by themselves',
    'status.update.interval.ms': 'the server is told as often as its wal_sender_timeout asks for',
    'xmin.fetch.interval.ms': 'source.xmin is always null',
    'database.query.timeout.ms': 'questions to the catalog have no limit',
    'database.tcpKeepAlive': 'connections are always probed',
    'snapshot.mode.configuration.based.snapshot.schema': 'there is no schema history',
    'snapshot.mode.configuration.based.snapshot.on.schema.error': 'there is no schema history',
    'lsn.flush.timeout.ms': 'the slot is moved without waiting',
    'lsn.flush.timeout.action': 'the slot is moved without waiting',
    'connection.validation.timeout.ms': 'connecting has a limit of its own',
    'executor.shutdown.timeout.ms': 'the worker bounds its shutdown',
    'topic.cache.size': 'names of topics are kept with their tables',
    'table.ignore.builtin': 'tables of the system are never captured',
    'include.schema.comments': 'comments are not read',
    'custom.metric.tags': 'metrics carry the name of the connector',
    'statistics.metrics.enabled': 'metrics are always collected',
    'custom.sanitize.pattern': 'secrets are never shown',
  });
}

const javaClass = 'it names code written in Java';

export const refused: Readonly<Record<string, string>> = {
  'snapshot.mode.custom.name': javaClass,
  'snapshot.locking.mode.custom.name': javaClass,
  'snapshot.query.mode.custom.name': javaClass,
  'snapshot.query.mode': 'use snapshot.select.statement.overrides',
  'database.connection.factory.class': javaClass,
  'database.initial.statements':
    'the settings of sessions decide how values are printed; set others for the role with ALTER ROLE',
  'database.sslfactory': 'use database.sslmode; require encrypts without checking the certificate',
  'sourceinfo.struct.maker': javaClass,
  'transaction.metadata.factory': javaClass,
  converters: javaClass,
  'post.processors': 'large values that an update left alone are read again with unavailable.value.mode: reselect',
  'post.processors.*': 'large values that an update left alone are not read again',
  'column.propagate.source.type': 'schemas do not repeat the types of the database',
  'datatype.propagate.source.type': 'schemas do not repeat the types of the database',
  'topic.heartbeat.name': 'the heartbeat topic is named by topic.heartbeat.prefix',
  'notification.enabled.channels': 'progress is in the log and the metrics',
  'notification.*': 'progress is in the log and the metrics',
  'signal.consumer.*': ownConnection,
  'signal.*': 'signals come from the table, the topic and over REST, not from files',
  'openlineage.*': 'there is no OpenLineage integration',
  'driver.*': 'there is no JDBC driver',
  'internal.*': 'these are not meant to be set',
};
