/** What the values part asks of the catalog: what kind of type an object id is. The catalog's own entries have this shape and more. */

type PgTypeKind = 'base' | 'enum' | 'domain' | 'array' | 'composite' | 'range' | 'multirange';

interface PgAttribute {
  readonly name: string;
  readonly typeOid: number;
  readonly typeModifier: number;
}

export interface PgType {
  readonly oid: number;
  readonly schema: string;
  readonly name: string;
  readonly kind: PgTypeKind;
  /** Of an array. */
  readonly elementOid?: number | undefined;
  /** Of a domain: the type it is over, which may be a domain itself. */
  readonly baseOid?: number | undefined;
  /** Of a domain: the modifier it was declared with; -1 when it has none. */
  readonly baseModifier?: number | undefined;
  /** Of an enum, in the order of the type. */
  readonly labels?: readonly string[] | undefined;
  /** Of a composite, in order, without dropped ones. */
  readonly attributes?: readonly PgAttribute[] | undefined;
}

/** Answers at once from what is known; whoever compiles a table has loaded the types it uses before. */
export interface TypeLookup {
  get(oid: number): PgType | undefined;
}
