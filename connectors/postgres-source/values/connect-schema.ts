/** Schemas of Kafka Connect and the JSON that its JsonConverter writes for them, key for key. */

export type ConnectType =
  | 'boolean'
  | 'int8'
  | 'int16'
  | 'int32'
  | 'int64'
  | 'float'
  | 'double'
  | 'string'
  | 'bytes'
  | 'struct'
  | 'array'
  | 'map';

interface ConnectField {
  readonly name: string;
  readonly schema: ConnectSchema;
}

export interface ConnectSchema {
  readonly type: ConnectType;
  readonly optional?: boolean;
  readonly name?: string;
  readonly version?: number;
  readonly doc?: string;
  readonly parameters?: Readonly<Record<string, string>>;
  /** Of a struct. */
  readonly fields?: readonly ConnectField[];
  /** Of an array. */
  readonly items?: ConnectSchema;
  /** Of a map. */
  readonly keys?: ConnectSchema;
  readonly values?: ConnectSchema;
  /** The default as the converter writes values, i.e. JSON text. */
  readonly defaultJson?: string;
}

/** `{"type":…,"optional":…,…}`; `field` is its name where it stands in a struct. */
export function schemaJson(schema: ConnectSchema, field?: string): string {
  const parts = [`"type":${JSON.stringify(schema.type)}`];
  if (schema.fields !== undefined) {
    parts.push(`"fields":[${schema.fields.map((each) => schemaJson(each.schema, each.name)).join(',')}]`);
  }
  if (schema.items !== undefined) parts.push(`"items":${schemaJson(schema.items)}`);
  if (schema.keys !== undefined) parts.push(`"keys":${schemaJson(schema.keys)}`);
  if (schema.values !== undefined) parts.push(`"values":${schemaJson(schema.values)}`);
  parts.push(`"optional":${schema.optional === true}`);
  if (schema.name !== undefined) parts.push(`"name":${JSON.stringify(schema.name)}`);
  if (schema.version !== undefined) parts.push(`"version":${schema.version}`);
  if (schema.doc !== undefined) parts.push(`"doc":${JSON.stringify(schema.doc)}`);
  if (schema.parameters !== undefined) parts.push(`"parameters":${JSON.stringify(schema.parameters)}`);
  if (schema.defaultJson !== undefined) parts.push(`"default":${schema.defaultJson}`);
  if (field !== undefined) parts.push(`"field":${JSON.stringify(field)}`);
  return `{${parts.join(',')}}`;
}

export function struct(name: string | undefined, fields: Readonly<Record<string, ConnectSchema>>): ConnectSchema {
  return {
    type: 'struct',
    fields: Object.entries(fields).map(([fieldName, schema]) => ({ name: fieldName, schema })),
    ...(name === undefined ? {} : { name }),
  };
}

/** A type with a name and a version, as logical types have. */
export function logical(type: ConnectType, name: string, version = 1): ConnectSchema {
  return { type, name, version };
}

export function optional(schema: ConnectSchema): ConnectSchema {
  return { ...schema, optional: true };
}

export const int32: ConnectSchema = { type: 'int32' };
export const int64: ConnectSchema = { type: 'int64' };
export const string: ConnectSchema = { type: 'string' };
export const bytes: ConnectSchema = { type: 'bytes' };
export const double: ConnectSchema = { type: 'double' };
