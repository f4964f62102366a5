/** The types of the database: loaded once for those that come with the server, and when a table uses one that is new. */

import type { PgType, TypeLookup } from '../values/pg-type.ts';
import type { CatalogPort, CatalogRow } from './port.ts';

const columns = `t.oid, n.nspname AS schema, t.typname AS name, t.typtype AS kind, t.typcategory AS category,
  t.typelem AS element, t.typbasetype AS base, t.typtypmod AS modifier, t.typrelid AS relation`;

/** An element that is an array's only if the array says so in turn: `name` and `point` have elements too. */
const source = `FROM pg_catalog.pg_type t JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace`;

const kinds: Readonly<Record<string, PgType['kind']>> = {
  b: 'base',
  c: 'composite',
  d: 'domain',
  e: 'enum',
  r: 'range',
  m: 'multirange',
};

export class TypeCatalog implements TypeLookup {
  readonly #sql: CatalogPort;
  readonly #types = new Map<number, PgType>();

  constructor(sql: CatalogPort) {
    this.#sql = sql;
  }

  get(oid: number): PgType | undefined {
    return this.#types.get(oid);
  }

  /** Makes sure that these types, and those they are made of, are known. Those with labels or parts are read anew. */
  async load(oids: Iterable<number>): Promise<void> {
    let wanted = new Set(oids);
    const seen = new Set<number>();
    while (wanted.size > 0) {
      for (const oid of wanted) seen.add(oid);
      const changing = [...wanted].filter((oid) => this.#mayChange(oid));
      const rows = changing.length === 0 ? [] : await this.#query(changing);
      for (const row of rows) {
        const type = await this.#typeOf(row);
        this.#types.set(type.oid, type);
      }
      const parts = [...wanted].flatMap((oid) => partsOf(this.#types.get(oid)));
      wanted = new Set(parts.filter((oid) => !seen.has(oid)));
    }
  }

  #mayChange(oid: number): boolean {
    const known = this.#types.get(oid);
    return known === undefined || known.kind === 'enum' || known.kind === 'composite';
  }

  #query(oids: readonly number[]): Promise<readonly CatalogRow[]> {
    return this.#sql.query(`SELECT ${columns} ${source} WHERE t.oid = ANY($1::oid[])`, [oids]);
  }

  async #typeOf(row: CatalogRow): Promise<PgType> {
    const oid = Number(row['oid']);
    const isArray = row['category'] === 'A' && row['element'] !== '0';
    const kind = isArray ? 'array' : (kinds[row['kind'] ?? ''] ?? 'base');
    return {
      oid,
      schema: row['schema'] ?? '',
      name: row['name'] ?? '',
      kind,
      ...(isArray ? { elementOid: Number(row['element']) } : {}),
      ...(kind === 'domain' ? { baseOid: Number(row['base']), baseModifier: Number(row['modifier']) } : {}),
      ...(kind === 'enum' ? { labels: await this.#labels(oid) } : {}),
      ...(kind === 'composite' ? { attributes: await this.#attributes(Number(row['relation'])) } : {}),
    };
  }

  async #labels(oid: number): Promise<string[]> {
    const text = 'SELECT enumlabel AS label FROM pg_catalog.pg_enum WHERE enumtypid = $1 ORDER BY enumsortorder';
    return (await this.#sql.query(text, [oid])).map(({ label }) => label ?? '');
  }

  async #attributes(relation: number): Promise<{ name: string; typeOid: number; typeModifier: number }[]> {
    const text = `SELECT attname AS name, atttypid AS type, atttypmod AS modifier FROM pg_catalog.pg_attribute
      WHERE attrelid = $1 AND attnum > 0 AND NOT attisdropped ORDER BY attnum`;
    const rows = await this.#sql.query(text, [relation]);
    return rows.map(({ name, type, modifier }) => ({
      name: name ?? '',
      typeOid: Number(type),
      typeModifier: Number(modifier),
    }));
  }
}

function partsOf(type: PgType | undefined): number[] {
  if (type === undefined) return [];
  const attributes = type.attributes?.map(({ typeOid }) => typeOid) ?? [];
  return [type.elementOid, type.baseOid, ...attributes].filter((oid) => oid !== undefined);
}
