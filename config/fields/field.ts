/** What one setting is: its kind, its text form both ways, and everything that is said about it. */

export type FieldKind =
  | 'string'
  | 'boolean'
  | 'int'
  | 'number'
  | 'duration'
  | 'bytes'
  | 'choice'
  | 'list'
  | 'regex'
  | 'url'
  | 'secret'
  | 'path'
  | 'globs'
  | 'topic'
  | 'topics'
  | 'converter';

type Importance = 'high' | 'medium' | 'low';

/** Both ends belong to it. */
export interface Range {
  readonly min?: number;
  readonly max?: number;
}

/** Why a value cannot be taken, and what to write instead. */
export interface Complaint {
  readonly message: string;
  readonly fix: string;
}

export type Parsed<T> = { readonly value: T } | Complaint;

/** Puts a value into a message: quoted and cut, or blotted out where it may be secret. */
export type Show = (text: string) => string;

/**
 * One setting whose parsed value is `V`. A definition is a record of these under their dotted names; everything that
 * reads settings (parser, reference, JSON Schema, REST) reads this.
 */
export interface Field<V> {
  readonly kind: FieldKind;
  /** One or two sentences for the reference, ending in a full stop. */
  readonly doc: string;
  /** The value without a setting; undefined when there is none. */
  readonly default: V | undefined;
  readonly required: boolean;
  readonly importance: Importance;
  /** The heading under which the reference and REST list it; undefined puts it under the connector's title. */
  readonly group: string | undefined;
  /** Other names for the same setting, such as the one it has in another product. */
  readonly aliases: readonly string[];
  /** What to use instead; a configuration that has the setting gets a warning. */
  readonly deprecated: string | undefined;
  /** Why it changes nothing: taken for configurations written for Kafka Connect; another value than the default gets a warning. */
  readonly noEffect: string | undefined;
  /** The values it can take, for a choice. */
  readonly choices: readonly string[];
  /** Other texts that stand for one of the choices. */
  readonly spellings: readonly string[];
  readonly range: Range;
  readonly example: string | undefined;
  /** Written by a connector's plan into its task configs; no part of what users see. */
  readonly internal: boolean;
  /** Which names are settings of the family that is declared here; undefined for a single setting. */
  readonly family: RegExp | undefined;
  parse(text: string, show: Show): Parsed<V>;
  /** The text for the flat configuration: plain numbers instead of units, so that Kafka Connect's own tools read it. */
  print(value: V): string;
  /** The text for people: with units. */
  display(value: V): string;
}

/** A field of any value. Methods are bivariant, so every `Field<V>` is one. */
export type AnyField = Field<unknown>;

export type Fields = Readonly<Record<string, AnyField>>;

/** The typed configuration of a record of fields, keyed by the dotted names. */
export type ValuesOf<F extends Fields> = {
  readonly [K in keyof F]: F[K] extends Field<infer V> ? V : never;
};

export interface FieldOptions<T> {
  readonly doc: string;
  /** Makes the value always there. */
  readonly default?: T;
  /** Makes the setting mandatory. With neither this nor a default the value may be undefined. */
  readonly required?: true;
  /** `medium` unless told; a required field is `high`. */
  readonly importance?: Importance;
  readonly group?: string;
  readonly aliases?: readonly string[];
  readonly deprecated?: string;
  readonly noEffect?: string;
  readonly example?: string;
  readonly internal?: true;
  /** A further rule for a value of the right kind. */
  readonly check?: (value: T) => Complaint | undefined;
}

/** The type of a field with these options: without default and requirement it may be undefined. */
export type Value<T, O> = O extends { readonly required: true } | { readonly default: T } ? T : T | undefined;

interface Codec<T> {
  readonly kind: FieldKind;
  readonly choices?: readonly string[];
  readonly spellings?: readonly string[];
  readonly range?: Range;
  parse(text: string, show: Show): Parsed<T>;
  print?(value: T): string;
  display?(value: T): string;
}

/** Makes a field from the way its kind is read and what was said about it. */
export function makeField<T, const O extends FieldOptions<T>>(codec: Codec<T>, options: O): Field<Value<T, O>> {
  const print = codec.print ?? ((value: T) => String(value));
  const field: Field<T> = {
    kind: codec.kind,
    doc: options.doc,
    default: options.default,
    required: options.required === true,
    importance: options.importance ?? (options.required ? 'high' : 'medium'),
    group: options.group,
    aliases: options.aliases ?? [],
    deprecated: options.deprecated,
    noEffect: options.noEffect,
    choices: codec.choices ?? [],
    spellings: codec.spellings ?? [],
    range: codec.range ?? {},
    example: options.example,
    internal: options.internal === true,
    family: undefined,
    parse(text, show) {
      const parsed = codec.parse(text, show);
      return 'value' in parsed ? (options.check?.(parsed.value) ?? parsed) : parsed;
    },
    print,
    display: codec.display ?? print,
  };
  return field as Field<Value<T, O>>;
}

/**
 * Settings that have a part of their meaning in their name, all of one kind: those whose whole name matches `pattern`.
 * The name under which the family is declared only shows what theirs look like. The value is what is given, by name.
 */
export function makeFamily<V>(pattern: RegExp, each: Field<V>): Field<Readonly<Record<string, Exclude<V, undefined>>>> {
  // Its methods read and print one of the settings; whoever reads a configuration collects them.
  const family: AnyField = { ...each, family: pattern };
  return family as Field<Readonly<Record<string, Exclude<V, undefined>>>>;
}
