/** A change as the demo shows it, read from a record in the lean format or in Debezium's envelope. */

import type { TopicRecord } from '../core/client/index.ts';

export type Row = Readonly<Record<string, unknown>>;

export interface Change {
  readonly operation: 'snapshot' | 'insert' | 'update' | 'delete' | 'truncate';
  readonly table: string;
  /** Names of the columns that identify the row. */
  readonly keys: readonly string[];
  readonly before: Row | null;
  readonly after: Row | null;
  /** When it was committed, with fractions. */
  readonly committedMs: number | undefined;
}

const operations: Readonly<Record<string, Change['operation']>> = {
  r: 'snapshot',
  c: 'insert',
  u: 'update',
  d: 'delete',
  t: 'truncate',
};

/** undefined for what is no change of a row or a table: tombstones, messages, and what other programs write. */
export function changeOf({ key, value }: Pick<TopicRecord, 'key' | 'value'>): Change | undefined {
  const told = payloadOf(value);
  const source = asRow(told?.['source']);
  const operation = operations[String(told?.['op'])];
  const table = told?.['table'] ?? source?.['table'];
  if (told === null || operation === undefined || typeof table !== 'string') return undefined;
  const committedUs = Number(source?.['ts_us'] ?? told['ts_us']);
  return {
    operation,
    table,
    keys: Object.keys(payloadOf(key) ?? {}),
    before: asRow(told['before']),
    after: asRow(told['after']),
    committedMs: committedUs > 0 ? committedUs / 1000 : undefined,
  };
}

/** What is inside of Debezium's `{"schema": …, "payload": …}`, or the whole. */
function payloadOf(bytes: Buffer | null): Row | null {
  if (bytes === null) return null;
  try {
    const whole = asRow(JSON.parse(bytes.toString()));
    return whole !== null && 'schema' in whole && 'payload' in whole ? asRow(whole['payload']) : whole;
  } catch {
    return null;
  }
}

function asRow(value: unknown): Row | null {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Row) : null;
}
