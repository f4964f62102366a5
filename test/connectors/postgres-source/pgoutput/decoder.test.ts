/** pgoutput as the server sends it, decoded message by message. */

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { postgresErrors } from '../../../../connectors/postgres-source/error-codes.ts';
import { PgOutputDecoder } from '../../../../connectors/postgres-source/pgoutput/decoder.ts';
import { recorder } from './recorder.ts';
import { bytesOf, lsn, relation, text, tuple, uint16, uint32 } from './written.ts';

const table = relation({ oid: 4_000_000_000, columns: ['id', 'näme'], keys: 1 });

function told(messages: readonly Buffer[], streamed: readonly Buffer[] = []): string[] {
  const decoder = new PgOutputDecoder();
  const { events, lines } = recorder();
  for (const message of messages) decoder.decode(message, 0, message.length, events);
  for (const message of streamed) decoder.decodeStreamed(message, 0, message.length, events);
  return lines;
}

describe('pgoutput', () => {
  test('a transaction with every kind of change', () => {
    const oid = uint32(4_000_000_000);
    const lines = told([
      bytesOf('B', lsn(0x1_0000_0002n), lsn(0n), uint32(4_294_967_295)),
      table,
      bytesOf('I', oid, 'N', tuple('1', 'ä')),
      bytesOf('U', oid, 'N', tuple('1', null)),
      bytesOf('U', oid, 'K', tuple('1', null), 'N', tuple('2', undefined)),
      bytesOf('U', oid, 'O', tuple('1', 'x'), 'N', tuple('1', 'y')),
      bytesOf('D', oid, 'K', tuple('2', null)),
      bytesOf('D', oid, 'O', tuple('3', 'z')),
      bytesOf('T', uint32(1), Buffer.from([3]), oid),
      bytesOf('M', Buffer.from([1]), lsn(5n), text('why'), uint32(3), Buffer.from([0, 1, 2])),
      bytesOf('O', lsn(9n), text('elsewhere')),
      bytesOf('Y', uint32(7), text('public'), text('mood')),
      bytesOf('C', Buffer.from([0]), lsn(0x1_0000_0002n), lsn(0x1_0000_0040n), lsn(0n)),
    ]);
    expect(lines).toEqual([
      'begin 4294967298 at 946684800000000 xid 4294967295',
      'relation public.t 4000000000 default id* näme',
      'insert t [1, ä]',
      'update t [1, null]',
      'update t key [1, null] to [2, unchanged]',
      'update t full [1, x] to [1, y]',
      'delete t key [2, null]',
      'delete t full [3, z]',
      'truncate t cascades restarts',
      'message why 5 transactional 000102',
      'origin elsewhere 9',
      'commit 4294967298 to 4294967360',
    ]);
  });

  test('pieces of a streamed transaction', () => {
    const lines = told(
      [
        bytesOf('S', uint32(700), Buffer.from([1])),
        bytesOf('E'),
        bytesOf('A', uint32(700), uint32(701)),
        bytesOf('A', uint32(700), uint32(700), lsn(1n), lsn(2n)),
        bytesOf('c', uint32(700), Buffer.from([0]), lsn(1n), lsn(2n), lsn(0n)),
      ],
      [
        Buffer.concat([table.subarray(0, 1), uint32(701), table.subarray(1)]),
        bytesOf('I', uint32(701), uint32(4_000_000_000), 'N', tuple('1', 'a')),
      ],
    );
    expect(lines).toEqual([
      'streamStart 700 first',
      'streamStop',
      'streamAbort 700 701',
      'streamAbort 700 700 1 at 946684800000002',
      'streamCommit 700 1 to 2',
      'relation public.t 4000000000 default id* näme',
      'insert t [1, a]',
    ]);
  });

  test('two-phase commit, with any numbers and names, and cut off anywhere', () => {
    const big = fc.bigInt({ min: 0n, max: (1n << 63n) - 1n });
    const number = fc.integer({ min: 0, max: 0xffff_ffff });
    const name = fc.string({ unit: 'grapheme', maxLength: 200 }).filter((each) => !each.includes('\0'));
    fc.assert(
      fc.property(big, big, fc.integer({ min: 0, max: 2 ** 50 }), number, name, (start, end, us, xid, gid) => {
        const time = lsn(BigInt(us));
        const at = us + 946_684_800_000_000;
        const flags = Buffer.from([0]);
        const messages = {
          beginPrepare: bytesOf('b', lsn(start), lsn(end), time, uint32(xid), text(gid)),
          prepare: bytesOf('P', flags, lsn(start), lsn(end), time, uint32(xid), text(gid)),
          streamPrepare: bytesOf('p', flags, lsn(start), lsn(end), time, uint32(xid), text(gid)),
          commitPrepared: bytesOf('K', flags, lsn(start), lsn(end), time, uint32(xid), text(gid)),
          rollbackPrepared: bytesOf('r', flags, lsn(start), lsn(end), time, time, uint32(xid), text(gid)),
          streamAbort: bytesOf('A', uint32(xid), uint32(xid), lsn(start), time),
        };
        expect(told(Object.values(messages))).toEqual([
          `beginPrepare ${start} to ${end} at ${at} xid ${xid} ${gid}`,
          `prepare ${start} to ${end} at ${at} xid ${xid} ${gid}`,
          `streamPrepare ${start} to ${end} at ${at} xid ${xid} ${gid}`,
          `commitPrepared ${start} to ${end} xid ${xid} ${gid}`,
          `rollbackPrepared ${start} at ${at} to ${end} at ${at} xid ${xid} ${gid}`,
          `streamAbort ${xid} ${xid} ${start} at ${at}`,
        ]);
        for (const [kind, message] of Object.entries(messages)) {
          for (let cut = 0; cut < message.length; cut += 1) {
            // Behind its two numbers an abort may end.
            if (kind === 'streamAbort' && cut === 9) continue;
            expect(() => told([message.subarray(0, cut)])).toThrow(
              expect.objectContaining({ code: 'postgres/protocol' }),
            );
          }
        }
      }),
      { numRuns: 50 },
    );
  });

  test.each([
    ['an unknown kind', [bytesOf('q')]],
    ['an unknown table', [bytesOf('I', uint32(1), 'N', tuple('1'))]],
    ['another number of values than columns', [table, bytesOf('I', uint32(4_000_000_000), 'N', tuple('1'))]],
    ['more values than a table can have', [table, bytesOf('I', uint32(4_000_000_000), 'N', uint16(5_000))]],
    ['nothing', [Buffer.alloc(0)]],
  ])('%s is refused as such', (_, messages) => {
    expect(() => told(messages)).toThrow(expect.objectContaining({ code: 'postgres/protocol', retriable: false }));
  });

  test('whatever bytes come, they are understood or refused', () => {
    const message = fc.oneof(
      fc.uint8Array({ maxLength: 60 }),
      fc
        .tuple(fc.constantFrom(...'BCORYIUDTMSEcAbPpKr'), fc.uint8Array({ maxLength: 60 }))
        .map(([tag, rest]) => bytesOf(tag, Buffer.from(rest))),
      fc
        .tuple(fc.nat(200), fc.constantFrom('I', 'U', 'D'))
        .map(([cut, tag]) => bytesOf(tag, uint32(4_000_000_000), 'N', tuple('1', 'abcdef')).subarray(0, cut)),
    );
    fc.assert(
      fc.property(fc.array(message, { maxLength: 8 }), fc.boolean(), (messages, isStreamed) => {
        const decoder = new PgOutputDecoder();
        const { events } = recorder();
        decoder.decode(table, 0, table.length, events);
        for (const one of messages) {
          const bytes = Buffer.from(one);
          try {
            if (isStreamed) decoder.decodeStreamed(bytes, 0, bytes.length, events);
            else decoder.decode(bytes, 0, bytes.length, events);
          } catch (error) {
            expect(postgresErrors.is(error, 'protocol')).toBe(true);
          }
        }
      }),
      { numRuns: 2_000 },
    );
  });
});
