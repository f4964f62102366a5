/** From a column's type to the codec of its values: domains are followed, arrays, enums, ranges and composites are built. */

import { isUtf8 } from 'node:buffer';
import { createHash } from 'node:crypto';
import { arrayWriter } from './arrays.ts';
import { type Codec, codec } from './codec.ts';
import { type CompositeField, compositeWriter } from './composites.ts';
import { type ConnectSchema, logical, optional } from './connect-schema.ts';
import type { WriteValue } from './json-text.ts';
import type { ValueModes } from './modes.ts';
import { geometricCodecs, namedCodecs } from './other-codecs.ts';
import type { PgType, TypeLookup } from './pg-type.ts';
import { plainText, scalarCodecs, unknownCodec } from './scalar-codecs.ts';
import { temporalCodecs } from './temporal-codecs.ts';
import { elementOids, oids } from './type-oids.ts';

/** Domains over domains, arrays of composites of arrays: no type goes deeper in earnest. */
const deepest = 32;

const comma = 0x2c;
const semicolon = 0x3b;

/** null for a type without a representation, whose column is left out. */
export function compileType(typeOid: number, modifier: number, types: TypeLookup, modes: ValueModes): Codec | null {
  const codec = new TypeCompiler(types, modes).compile(typeOid, modifier, 0);
  return codec === null || modes.encoding === 'utf8' ? codec : { ...codec, write: repaired(codec.write) };
}

/** Replaces what is not UTF-8 before it is written. */
function repaired(write: WriteValue): WriteValue {
  return (out, bytes, start, end) => {
    const text = bytes.subarray(start, end);
    if (isUtf8(text)) {
      write(out, bytes, start, end);
      return;
    }
    const replaced = Buffer.from(text.toString('utf8'));
    write(out, replaced, 0, replaced.length);
  };
}

class TypeCompiler {
  readonly #types: TypeLookup;
  readonly #modes: ValueModes;

  constructor(types: TypeLookup, modes: ValueModes) {
    this.#types = types;
    this.#modes = modes;
  }

  compile(oid: number, modifier: number, depth: number): Codec | null {
    const maker = scalarCodecs.get(oid) ?? temporalCodecs.get(oid) ?? geometricCodecs.get(oid);
    if (maker !== undefined) return maker(this.#modes, modifier);
    const elementOid = elementOids.get(oid);
    if (elementOid !== undefined) return this.#array(elementOid, modifier, depth);
    const type = this.#types.get(oid);
    if (type === undefined || depth > deepest) return unknownCodec(this.#modes);
    return this.#byKind(type, modifier, depth + 1);
  }

  #byKind(type: PgType, modifier: number, depth: number): Codec | null {
    switch (type.kind) {
      case 'domain':
        return this.compile(type.baseOid ?? 0, modifier >= 0 ? modifier : (type.baseModifier ?? -1), depth);
      case 'array':
        return this.#array(type.elementOid ?? 0, modifier, depth);
      case 'enum':
        return this.#enumeration(type.labels ?? []);
      case 'range':
      case 'multirange':
        return plainText(this.#modes);
      case 'composite':
        return this.#composite(type, depth);
      case 'base':
        return namedCodecs.get(type.name)?.(this.#modes, modifier) ?? unknownCodec(this.#modes);
    }
  }

  #enumeration(labels: readonly string[]): Codec {
    const schema: ConnectSchema = {
      ...logical('string', 'io.debezium.data.Enum'),
      parameters: { allowed: labels.join(',') },
    };
    return { ...plainText(this.#modes), schema };
  }

  #array(elementOid: number, modifier: number, depth: number): Codec | null {
    const element = this.compile(elementOid, modifier, depth + 1);
    if (element === null) return null;
    const form = { delimiter: elementOid === oids.box ? semicolon : comma, dimensions: this.#modes.dimensions };
    const schema: ConnectSchema = { type: 'array', items: optional(element.schema) };
    const made = codec(schema, arrayWriter(element.write, form), '[]');
    return { ...made, placeholder: arrayPlaceholder(element, elementOid, this.#modes.placeholder) };
  }

  #composite(type: PgType, depth: number): Codec | null {
    if (this.#modes.composites === 'unknown') return unknownCodec(this.#modes);
    const fields: CompositeField[] = [];
    const schemas: { name: string; schema: ConnectSchema }[] = [];
    for (const { name, typeOid, typeModifier } of type.attributes ?? []) {
      const field = this.compile(typeOid, typeModifier, depth) ?? plainText(this.#modes);
      fields.push({ name, write: field.write });
      schemas.push({ name, schema: optional(field.schema) });
    }
    return codec({ type: 'struct', fields: schemas }, compositeWriter(fields), 'null');
  }
}

/** Debezium's stand-ins: a list with the placeholder, with its bytes as numbers, or with a uuid made of it. */
function arrayPlaceholder(element: Codec, elementOid: number, placeholder: string): string | null {
  if (elementOid === oids.uuid) return JSON.stringify([uuidOf(placeholder)]);
  if (element.schema.type === 'string' || element.schema.type === 'bytes') {
    return element.placeholder === null ? null : `[${element.placeholder}]`;
  }
  const isWhole = element.schema.type === 'int16' || element.schema.type === 'int32' || element.schema.type === 'int64';
  return isWhole ? JSON.stringify([...Buffer.from(placeholder)]) : null;
}

/** The name-based uuid (version 3) without a name space, as Java makes it. */
function uuidOf(name: string): string {
  const hash = createHash('md5').update(name).digest();
  hash[6] = (hash[6]! & 0x0f) | 0x30;
  hash[8] = (hash[8]! & 0x3f) | 0x80;
  const hex = hash.toString('hex');
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
}
