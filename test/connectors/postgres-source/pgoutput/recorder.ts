/** Writes down what a stream tells, a line for each event. */

import type { CommitInfo, PrepareInfo, StreamEvents } from '../../../../connectors/postgres-source/pgoutput/events.ts';
import { type Tuple, valueKinds } from '../../../../connectors/postgres-source/row.ts';

export function textsOf({ bytes, columnCount, kinds, starts, ends }: Tuple): string {
  const values = Array.from({ length: columnCount }, (_, index) => {
    if (kinds[index] === valueKinds.null) return 'null';
    if (kinds[index] === valueKinds.unchanged) return 'unchanged';
    return bytes.toString('utf8', starts[index], ends[index]);
  });
  return `[${values.join(', ')}]`;
}

export function recorder(): { events: StreamEvents; lines: string[] } {
  const lines: string[] = [];
  const say = (line: string) => void lines.push(line);
  const prepared = ({ prepareLsn, endLsn, timeUs, transactionId, gid }: PrepareInfo) =>
    `${prepareLsn} to ${endLsn} at ${timeUs} xid ${transactionId} ${gid}`;
  const ended = ({ commitLsn, endLsn }: CommitInfo) => `${commitLsn} to ${endLsn}`;
  const events: StreamEvents = {
    begin: (commitLsn, timeUs, xid) => say(`begin ${commitLsn} at ${timeUs} xid ${xid}`),
    commit: (info) => say(`commit ${ended(info)}`),
    relation: ({ schema, table, tableOid, replicaIdentity, columns }) => {
      const names = columns.map(({ name, isKey }) => `${name}${isKey ? '*' : ''}`);
      say(`relation ${schema}.${table} ${tableOid} ${replicaIdentity} ${names.join(' ')}`);
    },
    insert: ({ table }, row) => say(`insert ${table} ${textsOf(row)}`),
    update: ({ table }, old, kind, row) =>
      say(`update ${table} ${old === null ? '' : `${kind} ${textsOf(old)} to `}${textsOf(row)}`),
    delete: ({ table }, old, kind) => say(`delete ${table} ${kind} ${textsOf(old)}`),
    truncate: (shapes, { cascades, restarts }) => {
      const flags = `${cascades ? ' cascades' : ''}${restarts ? ' restarts' : ''}`;
      say(`truncate ${shapes.map(({ table }) => table).join(' ')}${flags}`);
    },
    message: ({ prefix, lsn, isTransactional, bytes, start, end }) =>
      say(`message ${prefix} ${lsn}${isTransactional ? ' transactional' : ''} ${bytes.toString('hex', start, end)}`),
    origin: (name, lsn) => say(`origin ${name} ${lsn}`),
    streamStart: (xid, isFirst) => say(`streamStart ${xid}${isFirst ? ' first' : ''}`),
    streamStop: () => say('streamStop'),
    streamCommit: (xid, info) => say(`streamCommit ${xid} ${ended(info)}`),
    streamAbort: (xid, subxid, info) =>
      say(`streamAbort ${xid} ${subxid}${info === null ? '' : ` ${info.abortLsn} at ${info.timeUs}`}`),
    beginPrepare: (info) => say(`beginPrepare ${prepared(info)}`),
    prepare: (info) => say(`prepare ${prepared(info)}`),
    streamPrepare: (info) => say(`streamPrepare ${prepared(info)}`),
    commitPrepared: (info) => say(`commitPrepared ${ended(info)} xid ${info.transactionId} ${info.gid}`),
    rollbackPrepared: ({ prepareEndLsn, endLsn, prepareTimeUs, timeUs, transactionId, gid }) =>
      say(
        `rollbackPrepared ${prepareEndLsn} at ${prepareTimeUs} to ${endLsn} at ${timeUs} xid ${transactionId} ${gid}`,
      ),
  };
  return { events, lines };
}
