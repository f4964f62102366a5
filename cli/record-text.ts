/** A record as text for people, or as one JSON object for programs. */

import type { RecordCursor } from '../core/protocol/record-cursor.ts';

/** Bytes that are not UTF-8 are shown with replacement characters as text, and as base64 in JSON. */
export function renderRecord(record: RecordCursor, json: boolean): string {
  const value = slice(record.bytes, record.valueStart, record.valueEnd);
  if (!json) return value?.toString('utf8') ?? '(null)';
  return JSON.stringify({
    topic: record.topic,
    partition: record.partition,
    offset: record.offset,
    timestamp: record.timestampMs,
    key: textOf(slice(record.bytes, record.keyStart, record.keyEnd)),
    value: textOf(value),
    headers: Object.fromEntries(record.headers().map((header) => [header.key, textOf(header.value)])),
  });
}

function slice(bytes: Buffer, start: number, end: number): Buffer | null {
  return start < 0 ? null : bytes.subarray(start, end);
}

const strictUtf8 = new TextDecoder('utf-8', { fatal: true });

function textOf(bytes: Buffer | null): string | { base64: string } | null {
  if (bytes === null) return null;
  try {
    return strictUtf8.decode(bytes);
  } catch {
    return { base64: bytes.toString('base64') };
  }
}
