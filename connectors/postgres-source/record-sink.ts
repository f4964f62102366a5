/** Where encoders put their records: into the partition their key belongs to, with as little as each record needs. */

import type { RecordHeader } from '../contract/record.ts';
import type { SourceOutput } from '../contract/source.ts';
import type { RecordTarget } from './envelope/change.ts';

/** Keys are spread over so many places, of which each partition has some. */
const spreadCount = 256;

export class RecordSink implements RecordTarget {
  readonly #key = { start: -1, end: -1 };
  readonly #value = { start: -1, end: -1 };
  #output: SourceOutput | undefined;
  /** Of all records of one poll, milliseconds since 1970. */
  timestampMs = 0;

  /** Records go there until the next call. */
  open(output: SourceOutput, timestampMs: number): void {
    this.#output = output;
    this.timestampMs = timestampMs;
  }

  record(
    topic: string,
    bytes: Buffer,
    keyStart: number,
    keyEnd: number,
    valueStart: number,
    valueEnd: number,
    headers: readonly RecordHeader[] | null,
  ): void {
    const output = this.#output;
    if (output === undefined) throw new Error('a record came outside of a poll');
    // What has no key keeps its order in one place.
    const appender = output.partition(topic, keyStart < 0 ? 0 : hashOf(bytes, keyStart, keyEnd) % spreadCount);
    if (headers !== null) {
      const key = keyStart < 0 ? null : bytes.subarray(keyStart, keyEnd);
      const value = valueStart < 0 ? null : bytes.subarray(valueStart, valueEnd);
      appender.appendRecord({ key, value, headers, timestampMs: this.timestampMs });
      return;
    }
    this.#key.start = keyStart;
    this.#key.end = keyEnd;
    this.#value.start = valueStart;
    this.#value.end = valueEnd;
    appender.appendKeyed(bytes, this.#key, this.#value, this.timestampMs);
  }
}

/** FNV-1a. Of a key with its schema only the end differs from row to row, and the start would cost the most. */
function hashOf(bytes: Buffer, start: number, end: number): number {
  let hash = 0x811c9dc5;
  for (let at = Math.max(start, end - 64); at < end; at += 1) hash = Math.imul(hash ^ bytes[at]!, 0x01000193);
  return (hash ^ (hash >>> 15)) >>> 0;
}
