/** An API of the protocol: its key, its versions, and the messages that ask and answer. */

import type { Decoded, Encodable, Fields } from './field.ts';
import { defineMessage, type Message } from './message.ts';
import type { Reader } from './reader.ts';
import type { Writer } from './writer.ts';

export interface ApiTable<Q extends Fields, S extends Fields> {
  readonly key: number;
  readonly name: string;
  /** What this side understands, and a broker advertises. */
  readonly versions: readonly [min: number, max: number];
  /** The first version a broker serves, where older ones are advertised only because clients look for them. */
  readonly servedFrom?: number;
  /** The first version with compact lengths and tag sections; Infinity when there is none. */
  readonly flexibleFrom: number;
  readonly request: Q;
  readonly response: S;
}

export interface Api<Q extends Fields, S extends Fields> {
  readonly key: number;
  readonly name: string;
  readonly minVersion: number;
  readonly maxVersion: number;
  readonly servedFrom: number;
  readonly request: Message<Q>;
  readonly response: Message<S>;
  isFlexible(version: number): boolean;
  encodeRequest(writer: Writer, request: Encodable<Q>, version: number): void;
  decodeRequest(reader: Reader, version: number): Decoded<Q>;
  encodeResponse(writer: Writer, response: Encodable<S>, version: number): void;
  decodeResponse(reader: Reader, version: number): Decoded<S>;
}

/** Any API, where only its key, versions and headers matter. */
export type AnyApi = Pick<
  Api<Fields, Fields>,
  'key' | 'name' | 'minVersion' | 'maxVersion' | 'servedFrom' | 'isFlexible'
>;

/** What a broker gets, and what a client may send. */
export type RequestOf<A> = A extends Api<infer Q, infer _> ? Decoded<Q> : never;
export type RequestInput<A> = A extends Api<infer Q, infer _> ? Encodable<Q> : never;

/** What a client gets, and what a broker may answer. */
export type ResponseOf<A> = A extends Api<infer _, infer S> ? Decoded<S> : never;
export type ResponseInput<A> = A extends Api<infer _, infer S> ? Encodable<S> : never;

export function defineApi<const Q extends Fields, const S extends Fields>(table: ApiTable<Q, S>): Api<Q, S> {
  const { key, name, versions, flexibleFrom } = table;
  const request = defineMessage({ name: `${name} request`, versions, flexibleFrom, fields: table.request });
  const response = defineMessage({ name: `${name} response`, versions, flexibleFrom, fields: table.response });
  return {
    key,
    name,
    minVersion: versions[0],
    maxVersion: versions[1],
    servedFrom: table.servedFrom ?? versions[0],
    request,
    response,
    isFlexible: (version) => version >= flexibleFrom,
    encodeRequest: request.encode,
    decodeRequest: request.decode,
    encodeResponse: response.encode,
    decodeResponse: response.decode,
  };
}
