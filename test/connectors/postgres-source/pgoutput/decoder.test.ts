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
        bytesOf('A', uint32(700), uint32(701), lsn(1n), lsn(2n)),
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
      'streamCommit 700 1 to 2',
      'relation public.t 4000000000 default id* näme',
      'insert t [1, a]',
    ]);
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
        .tuple(fc.constantFrom(...'BCORYIUDTMSEcA'), fc.uint8Array({ maxLength: 60 }))
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
