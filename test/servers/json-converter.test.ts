/** Kafka Connect's own converter reads our records as its sinks do, and writes the same ones back: schemas and values fit each other. */

import { spawn } from 'node:child_process';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { compileTable } from '../../connectors/postgres-source/envelope/compile-table.ts';
import { HeartbeatRecords } from '../../connectors/postgres-source/envelope/heartbeat-records.ts';
import { MessageRecords } from '../../connectors/postgres-source/envelope/message-records.ts';
import { type EnvelopeOptions, envelopeOptions } from '../../connectors/postgres-source/envelope/options.ts';
import { SchemaChangeRecords } from '../../connectors/postgres-source/envelope/schema-change-records.ts';
import {
  TransactionCounter,
  TransactionRecords,
} from '../../connectors/postgres-source/envelope/transaction-records.ts';
import { debeziumModes } from '../../connectors/postgres-source/values/modes.ts';
import type { PgType } from '../../connectors/postgres-source/values/pg-type.ts';
import { facts, KeptRecords, shape, tuple, unchanged, type Value } from '../connectors/postgres-source/tuples.ts';
import { defaultVectors, modeVectors, type TypeVector } from '../connectors/postgres-source/values/type-vectors.ts';
import { temporaryFolder } from './child.ts';
import { compileJava } from './java-program.ts';

const names = ['hstore', 'ltree', 'citext', 'geometry', 'geography', 'vector', 'halfvec', 'sparsevec'];
const mood: PgType = { oid: 91_000, schema: 'public', name: 'mood', kind: 'enum', labels: ['sad', 'ok'] };
const types = new Map<number, PgType>([
  ...names.map((name, i) => [90_000 + i, { oid: 90_000 + i, schema: 'public', name, kind: 'base' as const }] as const),
  [mood.oid, mood],
  [91_001, { oid: 91_001, schema: 'public', name: '_mood', kind: 'array', elementOid: 91_000 }],
]);

function options(given: Partial<EnvelopeOptions> = {}): EnvelopeOptions {
  return envelopeOptions({
    prefix: 'p',
    version: '0',
    database: 'd',
    types: { get: (oid) => types.get(oid) },
    ...given,
  });
}

const target = new KeptRecords();

/** A create, an update and a delete of a row with the value, of a column that may be null and of one that may not. */
function tell(oid: number, modifier: number, value: Value, given: Partial<EnvelopeOptions> = {}): void {
  const table = shape({ 'id*': 23, maybe: [oid, modifier], must: [oid, modifier] });
  const known = { primaryKey: ['id'], notNull: new Set(['id', 'must']), defaults: new Map<string, string>() };
  const encoder = compileTable(table, known, options(given));
  encoder.encode(facts({}), null, tuple('1', value, value), target);
  encoder.encode(facts({ op: 'u' }), null, tuple('1', null, unchanged), target);
  encoder.encode(facts({ op: 'd' }), tuple('1', null, null), null, target);
}

/** The converter reads its own "NaN" and "Infinity" as 0; nothing we write could be read as more. */
const isRead = ({ json }: TypeVector) => !/^"-?(?:NaN|Infinity)"$/.test(json);

let folder: Awaited<ReturnType<typeof temporaryFolder>>;

beforeAll(async () => {
  folder = await temporaryFolder('json-converter');
});
afterAll(() => folder.remove());

test('every type in every mode, and the records beside rows', async () => {
  for (const { oid, modifier = -1, text: printed } of defaultVectors.filter(isRead)) tell(oid, modifier, printed);
  const isConnect = (mode: string | undefined) =>
    mode !== 'plain' && mode !== 'text' && mode !== 'value' && mode !== 'nested';
  for (const { oid, modifier = -1, text: printed, modes = {} } of modeVectors.filter(isRead)) {
    if (![modes.time, modes.unknownTypes, modes.json, modes.dimensions].every(isConnect)) continue;
    tell(oid, modifier, printed, { modes: { ...debeziumModes, ...modes } });
  }
  const ewkb = Buffer.from('AQEAACBzDAAAHHxhMlXeZUB4eqUsQ1xCwA==', 'base64').toString('hex');
  const own = ['"k"=>"v", "n"=>NULL', 'Top.Science', 'Hello', ewkb, ewkb, '[1,2.5]', '[1]', '{1:1.5,3:2}/5'];
  for (const [i, printed] of own.entries()) tell(90_000 + i, -1, printed);
  tell(90_000, -1, '"k"=>"v", "n"=>NULL', { modes: { ...debeziumModes, hstore: 'map' } });
  tell(91_000, -1, 'ok');
  tell(91_001, -1, '{ok,NULL}');
  const given = options();
  const counter = new TransactionCounter();
  counter.begin(7, 1n);
  counter.next('public.orders');
  new TransactionRecords(given).begin(target, counter.id, 1);
  new TransactionRecords(given).end(target, counter, 1);
  new HeartbeatRecords(given).put(target, 1);
  new MessageRecords(given).put(target, facts({ op: 'm' }), 'p', Buffer.from([1, 2]), 0, 2);
  const known = { primaryKey: ['id'], notNull: new Set(['id']), defaults: new Map([['id', '1']]) };
  new SchemaChangeRecords(given).put(target, facts({}), shape({ id: 20 }), shape({ id: 23, x: 25 }), known);

  const sent = target.records.flatMap(({ key, value }) => [key, value]).filter((each) => each !== null);
  expect(sent.length).toBeGreaterThan(900);
  const child = spawn('java', await compileJava('JsonRoundTrip', folder.path), { stdio: ['pipe', 'pipe', 'inherit'] });
  child.stdin.end(`${sent.join('\n')}\n`);
  const answers = (await text(child.stdout)).trimEnd().split('\n');
  expect(answers.filter((answer) => answer.startsWith('refused'))).toEqual([]);
  expect(answers.map((answer) => JSON.parse(answer) as unknown)).toEqual(
    sent.map((each) => JSON.parse(each) as unknown),
  );
});
