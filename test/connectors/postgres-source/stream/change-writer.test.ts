/** Positions: whatever the log has, wherever a reader stops, each change is told once, as the server sends it again from there. */

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { TypeCatalog } from '../../../../connectors/postgres-source/catalog/types.ts';
import { envelopeOptions } from '../../../../connectors/postgres-source/envelope/options.ts';
import {
  decodePosition,
  encodePosition,
  type StreamPosition,
} from '../../../../connectors/postgres-source/position.ts';
import { ChangeWriter } from '../../../../connectors/postgres-source/stream/change-writer.ts';
import { Tables } from '../../../../connectors/postgres-source/stream/tables.ts';

const sql = { query: () => Promise.reject(new Error('nothing is asked')) };
const envelope = envelopeOptions({
  types: new TypeCatalog(sql),
  database: 'd',
  version: 'test',
  prefix: 'p',
  keySchemas: false,
  valueSchemas: false,
});

interface Transaction {
  readonly id: number;
  readonly changes: readonly string[];
  /** Where its changes are told, and where it ends; equal where it is not prepared. */
  prepareLsn: bigint;
  commitLsn: bigint;
  readonly isPrepared: boolean;
  readonly isUndone: boolean;
}

type LogRecord = { readonly kind: 'prepare' | 'end'; readonly transaction: Transaction; readonly lsn: bigint };

/** Between two of them the log has what tells nothing. */
const [recordBytes, stepBytes] = [16n, 32n];

/** Ends of transactions and preparations in any order; each record is 16 bytes long. */
const logs = fc
  .array(
    fc.record({
      size: fc.nat(4),
      isPrepared: fc.boolean(),
      isUndone: fc.boolean(),
      prepareAt: fc.nat(99),
      endAt: fc.nat(99),
    }),
    { maxLength: 8 },
  )
  .map((wishes) => {
    const records = wishes.flatMap(({ size, isPrepared, isUndone, prepareAt, endAt }, id) => {
      const changes = Array.from({ length: size }, (_, index) => `${id}-${index}`);
      const transaction: Transaction = { id, changes, prepareLsn: 0n, commitLsn: 0n, isPrepared, isUndone };
      const [early, late] = [Math.min(prepareAt, endAt), Math.max(prepareAt, endAt)];
      const end = { kind: 'end' as const, transaction, at: late };
      return isPrepared ? [{ kind: 'prepare' as const, transaction, at: early }, end] : isUndone ? [] : [end];
    });
    return records
      .sort((a, b) => a.at - b.at || (a.kind === 'prepare' ? -1 : 1))
      .map(({ kind, transaction }, index): LogRecord => {
        const lsn = 1000n + BigInt(index) * stepBytes;
        if (kind === 'prepare') transaction.prepareLsn = lsn;
        else transaction.commitLsn = lsn;
        return { kind, transaction, lsn };
      });
  });

/** What a server with a slot that was complete at `slotLsn` sends to a reader of `position`. */
function* sent(
  log: readonly LogRecord[],
  slotLsn: bigint,
  position: StreamPosition,
  writer: ChangeWriter,
  hasKeepalives: boolean,
) {
  const change = (prefix: string) =>
    writer.message({ isTransactional: true, lsn: 5n, prefix, bytes: Buffer.alloc(0), start: 0, end: 0 });
  for (const { kind, transaction, lsn } of log) {
    if (lsn < position.lsn) continue;
    if (hasKeepalives) writer.idle(lsn);
    yield;
    const { id, changes, prepareLsn, isPrepared, isUndone } = transaction;
    const endLsn = lsn + recordBytes;
    const info = { commitLsn: lsn, endLsn, timeUs: 1 };
    const prepare = { prepareLsn, endLsn: prepareLsn + recordBytes, timeUs: 1, transactionId: id, gid: 'g' };
    const isLate = kind === 'end' && isPrepared && !isUndone && prepareLsn < slotLsn;
    if (isPrepared && (kind === 'prepare' ? lsn >= slotLsn : isLate)) {
      writer.beginPrepared(prepare);
      for (const each of changes) yield change(each);
      writer.prepared(prepare);
      yield;
    } else if (!isPrepared) {
      writer.begin(lsn, 1, id);
      for (const each of changes) yield change(each);
      writer.commit(info);
    }
    if (kind === 'prepare' || !isPrepared) continue;
    if (isUndone) writer.passed(endLsn);
    else writer.commitPrepared(info);
    yield;
  }
}

const session = fc.record({ stop: fc.integer({ min: 1, max: 12 }), hasKeepalives: fc.boolean() });

test('each change is told once', () => {
  fc.assert(
    fc.property(logs, fc.nat(20), fc.array(session), (log, slotAt, sessions) => {
      const slotLsn = 1000n + BigInt(slotAt) * stepBytes;
      const told: string[] = [];
      let position: StreamPosition = { lsn: slotLsn, partial: undefined };
      for (const { stop, hasKeepalives } of [...sessions, { stop: Number.POSITIVE_INFINITY, hasKeepalives: true }]) {
        const writer = new ChangeWriter({
          tables: new Tables({ sql, types: new TypeCatalog(sql), envelope, isCaptured: () => true }),
          target: {
            record: (_topic, bytes, _keyStart, _keyEnd, start, end) =>
              told.push(JSON.parse(bytes.toString('utf8', start, end)).message.prefix),
          },
          seen: { isSeen: () => false, mayLackRow: () => false, passed: () => {} },
          ...{ envelope, position, hasTransactionRecords: false, isMessageCaptured: () => true, nowUs: () => 0 },
        });
        let steps = 0;
        for (const _ of sent(log, slotLsn, position, writer, hasKeepalives)) if (++steps >= stop) break;
        const stored = { position: writer.positionNow(), identity: undefined, owner: '' };
        position = decodePosition(encodePosition(stored))!.position;
      }
      const isTold = ({ kind, transaction, lsn }: LogRecord) => {
        const { isPrepared, isUndone, prepareLsn } = transaction;
        if (!isPrepared) return lsn >= slotLsn;
        return kind === 'prepare' ? lsn >= slotLsn : !isUndone && prepareLsn < slotLsn && lsn >= slotLsn;
      };
      expect(told).toEqual(log.filter(isTold).flatMap(({ transaction }) => transaction.changes));
    }),
    { numRuns: 1_000 },
  );
});
