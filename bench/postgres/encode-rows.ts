/** Rows per second of CPU that become JSON: the encoder of the Postgres source alone, without a server, a socket or a topic. */

import { emptyFacts, type RecordTarget } from '../../connectors/postgres-source/envelope/change.ts';
import { compileTable } from '../../connectors/postgres-source/envelope/compile-table.ts';
import { type EnvelopeOptions, envelopeOptions } from '../../connectors/postgres-source/envelope/options.ts';
import { type TableShape, type Tuple, valueKinds } from '../../connectors/postgres-source/row.ts';

/** serial, text, numeric, timestamptz, jsonb and two timestamps: about 200 bytes as text. */
const row = [
  '1234567',
  'The quick brown fox jumps over the lazy dog, twice.',
  '12345.67',
  '2026-11-27 22:48:35.123456+00',
  '{"a": 1, "b": [1, 2, 3], "c": "some text", "d": null}',
  '2026-11-27 22:48:35.123456',
  '2026-11-27 22:48:35.5',
];

const shape: TableShape = {
  tableOid: 16_384,
  schema: 'public',
  table: 'orders',
  replicaIdentity: 'default',
  columns: [
    { name: 'id', typeOid: 23, typeModifier: -1, isKey: true },
    { name: 'note', typeOid: 25, typeModifier: -1, isKey: false },
    { name: 'price', typeOid: 1700, typeModifier: ((10 << 16) | 2) + 4, isKey: false },
    { name: 'seen_at', typeOid: 1184, typeModifier: -1, isKey: false },
    { name: 'doc', typeOid: 3802, typeModifier: -1, isKey: false },
    { name: 'created_at', typeOid: 1114, typeModifier: -1, isKey: false },
    { name: 'updated_at', typeOid: 1114, typeModifier: -1, isKey: false },
  ],
};

function tupleOf(values: readonly string[]): Tuple {
  const bytes = Buffer.from(values.join('\t'));
  const starts = new Uint32Array(values.length);
  const ends = new Uint32Array(values.length);
  let at = 0;
  for (const [i, value] of values.entries()) {
    starts[i] = at;
    at += value.length;
    ends[i] = at++;
  }
  return {
    bytes,
    columnCount: values.length,
    kinds: new Uint8Array(values.length).fill(valueKinds.text),
    starts,
    ends,
  };
}

class Counter implements RecordTarget {
  bytes = 0;
  record(
    _topic: string,
    _bytes: Buffer,
    _keyStart: number,
    _keyEnd: number,
    _valueStart: number,
    valueEnd: number,
  ): void {
    this.bytes += valueEnd;
  }
}

function measure(name: string, given: Partial<EnvelopeOptions>, rowsPerTransaction: number, rowCount: number): void {
  const options = envelopeOptions({
    prefix: 'shop',
    version: '0',
    database: 'd',
    types: { get: () => undefined },
    ...given,
  });
  const facts = { primaryKey: ['id'], notNull: new Set(['id']), defaults: new Map<string, string>() };
  const encoder = compileTable(shape, facts, options);
  const tuple = tupleOf(row);
  const change = emptyFacts();
  const target = new Counter();
  let lsn = 0x16_0000_0000;
  const before = process.cpuUsage();
  for (let i = 0; i < rowCount; i++) {
    lsn += 240;
    change.lsn = BigInt(lsn);
    change.rowIndex = i % rowsPerTransaction;
    if (change.rowIndex === 0) {
      change.transactionId = i;
      change.sourceTimeUs = 1_764_283_715_123_456 + i;
      change.nowUs = change.sourceTimeUs + 1000;
      change.lastCommitLsn = change.lsn;
    }
    encoder.encode(change, null, tuple, target);
  }
  const { user, system } = process.cpuUsage(before);
  const seconds = (user + system) / 1e6;
  const perRow = Math.round(target.bytes / rowCount);
  console.log(
    `${name.padEnd(44)} ${Math.round(rowCount / seconds / 1000)} k rows per CPU-second, ${perRow} bytes each`,
  );
}

const rowCount = 300_000;
for (let round = 0; round < 3; round++) {
  measure('envelope, 100 rows a transaction', { keySchemas: false, valueSchemas: false }, 100, rowCount);
  measure('envelope, one row a transaction', { keySchemas: false, valueSchemas: false }, 1, rowCount);
  measure('envelope with schemas', {}, 100, rowCount);
  measure('lean', { format: 'lean' }, 100, rowCount);
}
