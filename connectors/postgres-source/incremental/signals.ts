/** Signals, as Debezium has them: what a row of the signal table or a request says, checked. Pure. */

import { messageOf } from '../../../core/base/errors.ts';
import { patternOf } from '../columns/patterns.ts';

/** As it was given. */
export interface SignalText {
  readonly id: string;
  readonly type: string;
  /** JSON; null where nothing was given. */
  readonly data: string | null;
}

export interface ExecuteSnapshot {
  readonly kind: 'execute';
  readonly id: string;
  /** Of whole `schema.table` names. */
  readonly tables: readonly RegExp[];
  readonly conditions: readonly TableCondition[];
  readonly surrogateKey: string | null;
  /** Filters are whole statements: `type: blocking`. */
  readonly filtersAreStatements: boolean;
}

interface TableCondition {
  readonly table: RegExp;
  readonly filter: string;
}

export type Signal =
  | ExecuteSnapshot
  /** `tables` null stands for all. */
  | { readonly kind: 'stop'; readonly tables: readonly RegExp[] | null }
  | { readonly kind: 'pause' }
  | { readonly kind: 'resume' }
  | { readonly kind: 'log'; readonly message: string }
  /** Debezium writes these into the table itself. */
  | { readonly kind: 'watermark' };

/** It is stored with each table it is for. */
const mostFilterChars = 10_000;

/** What is wrong with a signal. */
class Misunderstood extends Error {}

/** The signal, or what is wrong with it. */
export function readSignal({ id, type, data }: SignalText): Signal | { readonly complaint: string } {
  try {
    return signalOf(id, type.trim().toLowerCase(), data);
  } catch (error) {
    return { complaint: messageOf(error) };
  }
}

function signalOf(id: string, type: string, data: string | null): Signal {
  switch (type) {
    case 'execute-snapshot':
      return executeOf(id, objectOf(data));
    case 'stop-snapshot': {
      const members = objectOf(data);
      checkKind(members);
      const names = members['data-collections'];
      return { kind: 'stop', tables: names === undefined || names === null ? null : patternsOf(names) };
    }
    case 'pause-snapshot':
      return { kind: 'pause' };
    case 'resume-snapshot':
      return { kind: 'resume' };
    case 'log': {
      const { message } = objectOf(data);
      if (typeof message !== 'string') throw new Misunderstood('data has no text "message"');
      return { kind: 'log', message };
    }
    case 'snapshot-window-open':
    case 'snapshot-window-close':
      return { kind: 'watermark' };
    default:
      throw new Misunderstood(`its type is none of ${types.join(', ')}`);
  }
}

const types = ['execute-snapshot', 'stop-snapshot', 'pause-snapshot', 'resume-snapshot', 'log'];

function executeOf(id: string, members: Members): ExecuteSnapshot {
  const tables = patternsOf(members['data-collections']);
  const kind = checkKind(members);
  const surrogateKey = members['surrogate-key'] ?? null;
  if (surrogateKey !== null && typeof surrogateKey !== 'string') throw new Misunderstood('surrogate-key is no text');
  return {
    kind: 'execute',
    id,
    tables,
    conditions: conditionsOf(members),
    surrogateKey: surrogateKey === '' ? null : surrogateKey,
    filtersAreStatements: kind === 'blocking',
  };
}

/** `additional-condition` is the older form, for all tables. */
function conditionsOf(members: Members): TableCondition[] {
  const older = members['additional-condition'];
  const isOlder = typeof older === 'string' && older.trim() !== '';
  const list = isOlder ? [{ 'data-collection': '.*', filter: older }] : (members['additional-conditions'] ?? []);
  if (!Array.isArray(list)) throw new Misunderstood('additional-conditions is no list');
  return list.map((each: unknown) => {
    const { 'data-collection': table, filter } = membersOf(each, 'an additional condition');
    if (typeof table !== 'string' || typeof filter !== 'string' || filter.trim() === '') {
      throw new Misunderstood('an additional condition is not {"data-collection": text, "filter": text}');
    }
    if (filter.length > mostFilterChars)
      throw new Misunderstood(`a filter is longer than ${mostFilterChars} characters`);
    return { table: patternOf(table, 'data-collection'), filter };
  });
}

function checkKind(members: Members): 'incremental' | 'blocking' {
  const kind = String(members['type'] ?? 'incremental').toLowerCase();
  if (kind !== 'incremental' && kind !== 'blocking') {
    throw new Misunderstood(`the type ${JSON.stringify(members['type'])} is neither incremental nor blocking`);
  }
  return kind;
}

function patternsOf(names: unknown): RegExp[] {
  const isList = Array.isArray(names) && names.length > 0 && names.every((each) => typeof each === 'string');
  if (!isList) throw new Misunderstood('data-collections is no list of texts');
  return names.map((each: string) => patternOf(each.trim(), 'data-collections'));
}

type Members = Readonly<Record<string, unknown>>;

function objectOf(data: string | null): Members {
  if (data === null || data.trim() === '') return {};
  let value: unknown;
  try {
    value = JSON.parse(data);
  } catch (error) {
    throw new Misunderstood(`data is not JSON: ${messageOf(error)}`);
  }
  return membersOf(value, 'data');
}

function membersOf(value: unknown, what: string): Members {
  if (value === null || typeof value !== 'object' || Array.isArray(value)) {
    throw new Misunderstood(`${what} is no JSON object`);
  }
  return value as Members;
}
