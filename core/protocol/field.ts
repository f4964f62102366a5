/** The notation of the message tables: a field is a type, the versions that have it, its default and its tag. */

export type ScalarType =
  | 'int8'
  | 'int16'
  | 'int32'
  | 'int64'
  | 'float64'
  | 'boolean'
  | 'string'
  | 'bytes'
  | 'uuid'
  | 'records';

export type FieldType =
  | { readonly kind: 'scalar'; readonly scalar: ScalarType }
  | { readonly kind: 'struct'; readonly fields: Fields }
  | { readonly kind: 'array'; readonly element: FieldType };

export interface FieldSpec {
  readonly type: FieldType;
  readonly fromVersion: number;
  readonly toVersion: number;
  /** The first version in which null is allowed; Infinity when none is. */
  readonly nullableFrom: number;
  /** May be left out when encoding: it has a default of its own, or not every version has it. */
  readonly isOptional: boolean;
  /** undefined means the default of the type: 0, false, '', no bytes, no elements; null where null is allowed. */
  readonly defaultValue: number | boolean | string | null | undefined;
  /** A value for a version without the field is dropped instead of refused. */
  readonly isIgnorable: boolean;
  readonly tag: number | undefined;
}

/**
 * One field of a table. `Out` is what decoding gives, `In` what encoding takes, `Optional` whether it may be left out
 * then. Immutable: every method answers a new field.
 */
export class Field<Out, In = Out, Optional extends boolean = false> {
  /** Exists for the type checker alone. */
  declare readonly types: { readonly out: Out; readonly in: In; readonly optional: Optional };
  readonly spec: FieldSpec;

  constructor(spec: FieldSpec) {
    this.spec = spec;
  }

  /** Only the versions from this one on have the field. */
  from(version: number): Field<Out, In, true> {
    return this.#with({ fromVersion: version, isOptional: true });
  }

  /** Only the versions up to this one have the field. */
  to(version: number): Field<Out, In, true> {
    return this.#with({ toVersion: version, isOptional: true });
  }

  /** Null is allowed in every version, or from one on. */
  nullable(fromVersion = 0): Field<Out | null, In | null, Optional> {
    return this.#with({ nullableFrom: fromVersion });
  }

  /** What an absent field means. */
  or(defaultValue: Out & (number | boolean | string | null)): Field<Out, In, true> {
    return this.#with({ defaultValue, isOptional: true });
  }

  /** May be dropped silently when the version does not have it. */
  ignorable(): Field<Out, In, Optional> {
    return this.#with({ isIgnorable: true });
  }

  /** Lives in the tag section, from a version on. */
  tagged(tag: number, fromVersion: number): Field<Out, In, true> {
    return this.#with({ tag, fromVersion, isOptional: true });
  }

  #with<O, I, P extends boolean>(change: Partial<FieldSpec>): Field<O, I, P> {
    return new Field<O, I, P>({ ...this.spec, ...change });
  }
}

export type AnyField = Field<unknown, unknown, boolean>;
export type Fields = { readonly [name: string]: AnyField };

type OptionalNames<F extends Fields> = {
  [K in keyof F]: true extends F[K]['types']['optional'] ? K : never;
}[keyof F];

/** What decoding a table gives: every field, with its default where the version has none. */
export type Decoded<F extends Fields> = { [K in keyof F]: F[K]['types']['out'] };

/** What encoding a table takes: fields with a default, or not in every version, may be left out. */
export type Encodable<F extends Fields> = {
  readonly [K in Exclude<keyof F, OptionalNames<F>>]: F[K]['types']['in'];
} & {
  readonly [K in OptionalNames<F>]?: F[K]['types']['in'] | undefined;
};

function fieldOf<Out, In = Out>(type: FieldType): Field<Out, In> {
  return new Field<Out, In>({
    type,
    fromVersion: 0,
    toVersion: Number.POSITIVE_INFINITY,
    nullableFrom: Number.POSITIVE_INFINITY,
    isOptional: false,
    defaultValue: undefined,
    isIgnorable: false,
    tag: undefined,
  });
}

const scalar = <Out, In = Out>(name: ScalarType) => fieldOf<Out, In>({ kind: 'scalar', scalar: name });

export const int8 = scalar<number>('int8');
export const int16 = scalar<number>('int16');
export const int32 = scalar<number>('int32');
/** A number: exact within ±2^53, which offsets, timestamps and producer ids never leave. */
export const int64 = scalar<number>('int64');
export const float64 = scalar<number>('float64');
export const boolean = scalar<boolean>('boolean');
export const string = scalar<string>('string');
/** Decoded as a copy: what a coordinator keeps must not pin the frame it came in. */
export const bytes = scalar<Buffer>('bytes');
/** 22 characters of URL-safe base64, Kafka's printed form; see `zeroUuid`. */
export const uuid = scalar<string>('uuid');
/** Record batches: encoded by reference, decoded as a slice of the frame, null allowed in every version. */
export const records = scalar<Buffer | null, Buffer | readonly Buffer[] | null>('records').nullable();

export function struct<F extends Fields>(fields: F): Field<Decoded<F>, Encodable<F>> {
  return fieldOf({ kind: 'struct', fields });
}

/** Of structs when a table is given, else of the field's own type. */
export function array<F extends Fields>(fields: F): Field<Decoded<F>[], readonly Encodable<F>[]>;
export function array<Out, In>(element: Field<Out, In>): Field<Out[], readonly In[]>;
export function array(element: AnyField | Fields): Field<unknown[], readonly unknown[]> {
  if (element instanceof Field) return fieldOf({ kind: 'array', element: element.spec.type });
  return fieldOf({ kind: 'array', element: { kind: 'struct', fields: element as Fields } });
}

/** The UUID that means "none". */
export const zeroUuid = 'AAAAAAAAAAAAAAAAAAAAAA';
