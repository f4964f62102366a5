/** Records of changed tables, for who keeps a copy of them: what changed, and the table as it is from this record on. */

import { schemaChangeTopic } from '../routing/topics.ts';
import type { TableShape } from '../row.ts';
import { type ConnectSchema, int32, int64, optional, string, struct } from '../values/connect-schema.ts';
import type { TypeLookup } from '../values/pg-type.ts';
import type { ChangeFacts, RecordTarget, TableFacts } from './change.ts';
import type { EnvelopeOptions } from './options.ts';
import { type ShapeChange, shapeChanges } from './shape-changes.ts';
import { SideRecord } from './side-record.ts';
import { SourceBlock, sourceSchema } from './source-block.ts';

const keySchema: ConnectSchema = struct('io.millrace.postgresql.SchemaChangeKey', {
  database: string,
  schema: string,
  table: string,
});

const columnSchema: ConnectSchema = struct('io.millrace.postgresql.Column', {
  name: string,
  position: int32,
  type: string,
  type_oid: int64,
  type_modifier: int32,
  optional: { type: 'boolean' },
  default: optional(string),
});

const valueSchema: ConnectSchema = struct('io.millrace.postgresql.SchemaChange', {
  source: sourceSchema,
  ts_ms: int64,
  changes: {
    type: 'array',
    items: struct('io.millrace.postgresql.ShapeChange', {
      change: string,
      column: optional(string),
      from: optional(string),
      to: optional(string),
    }),
  },
  replica_identity: string,
  primary_key: { type: 'array', items: string },
  columns: { type: 'array', items: columnSchema },
});

export class SchemaChangeRecords {
  readonly #record: SideRecord;
  readonly #options: EnvelopeOptions;

  constructor(options: EnvelopeOptions) {
    this.#options = options;
    this.#record = new SideRecord(schemaChangeTopic(options.topics), keySchema, valueSchema, options);
  }

  /** One record when anything changed. Belongs in front of the first row of the new shape. */
  put(
    target: RecordTarget,
    change: ChangeFacts,
    before: TableShape | null,
    after: TableShape,
    facts: TableFacts,
  ): void {
    const changes = shapeChanges(before, after);
    if (changes.length === 0) return;
    const { types, database, version, topics } = this.#options;
    const { schema, table } = after;
    const source = new SourceBlock({ version, name: topics.prefix, database, schema, table });
    this.#record.put(target, JSON.stringify({ database, schema, table }), (out) => {
      out.ascii('{"source":');
      source.write(out, change);
      const rest = {
        ts_ms: Math.floor(change.nowUs / 1000),
        changes: changes.map((each) => changeText(each, types)),
        replica_identity: after.replicaIdentity,
        primary_key: facts.primaryKey,
        columns: columnsOf(after, facts, types),
      };
      out.raw(Buffer.from(`,${JSON.stringify(rest).slice(1)}`));
    });
  }
}

function changeText(change: ShapeChange, types: TypeLookup): Record<string, string | null> {
  const { column, from, to } = { column: undefined, from: undefined, to: undefined, ...change };
  const text = (value: typeof from): string | null => {
    if (value === undefined) return null;
    return typeof value === 'string' ? value : typeText(value.typeOid, types);
  };
  return { change: change.change, column: column ?? null, from: text(from), to: text(to) };
}

function columnsOf(shape: TableShape, facts: TableFacts, types: TypeLookup): unknown[] {
  return shape.columns.map(({ name, typeOid, typeModifier }, i) => ({
    name,
    position: i + 1,
    type: typeText(typeOid, types),
    type_oid: typeOid,
    type_modifier: typeModifier,
    optional: !facts.notNull.has(name) && !facts.primaryKey.includes(name),
    default: facts.defaults.get(name) ?? null,
  }));
}

/** Its name with the schema in front unless it is one of the server's own; the object id where nothing is known. */
function typeText(oid: number, types: TypeLookup): string {
  const type = types.get(oid);
  if (type === undefined) return String(oid);
  return type.schema === 'pg_catalog' ? type.name : `${type.schema}.${type.name}`;
}
