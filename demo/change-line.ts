/** One line for one change: when, how long after its commit, what was done to which row, and what is different now. */

import type { Change, Row } from './change.ts';
import type { Paint } from './paint.ts';

export interface LineOptions {
  readonly paint: Paint;
  /** Characters of a line; longer ones end in an ellipsis. */
  readonly width: number;
  readonly receivedMs: number;
}

const columns = { time: 12, latency: 9, operation: 8, table: 11 } as const;
const longestValue = 60;

/** What stands above the lines. */
export function lineHeader(paint: Paint): string {
  const { time, latency, operation, table } = columns;
  const titles = ['time'.padEnd(time), 'latency'.padStart(latency), 'change'.padEnd(operation), 'table'.padEnd(table)];
  return paint('dim', [...titles, 'row'].join('  '));
}

export function changeLine(change: Change, { paint, width, receivedMs }: LineOptions): string {
  const { operation, table } = change;
  const latency = latencyMs(change, receivedMs);
  const latencyText = latency === undefined ? '' : `${latency.toFixed(1)} ms`;
  const head = [
    paint('dim', clockTime(receivedMs).padEnd(columns.time)),
    paint('dim', latencyText.padStart(columns.latency)),
    paint(operation, operation.padEnd(columns.operation)),
    table.padEnd(columns.table),
  ];
  const taken = columns.time + columns.latency + columns.operation + Math.max(columns.table, table.length) + 8;
  return [...head, cut(rowText(change), Math.max(20, width - taken))].join('  ');
}

/** From the commit to here; rows of a snapshot were committed long ago. */
export function latencyMs({ operation, committedMs }: Change, receivedMs: number): number | undefined {
  return operation === 'snapshot' || committedMs === undefined ? undefined : Math.max(0, receivedMs - committedMs);
}

function rowText({ operation, keys, before, after }: Change): string {
  const row = after ?? before ?? {};
  const identity = keys.map((name) => `${name} ${valueText(row[name])}`).join(', ');
  const others = Object.keys(row).filter((name) => !keys.includes(name));
  const isUpdate = operation === 'update' && before !== null && after !== null;
  const rest = isUpdate ? differences(others, before, after) : others.map((name) => `${name} ${valueText(row[name])}`);
  return rest.length === 0 ? identity : `${identity}   ${rest.join(', ')}`.trimStart();
}

function differences(names: readonly string[], before: Row, after: Row): string[] {
  const changed = names.filter((name) => valueText(before[name]) !== valueText(after[name]));
  return changed.map((name) => `${name} ${valueText(before[name])} → ${valueText(after[name])}`);
}

function valueText(value: unknown): string {
  const isPlain = typeof value === 'string' && /^[^\s\p{C}](?:[^\p{C}]*[^\s\p{C}])?$/u.test(value);
  return cut(isPlain ? value : (JSON.stringify(value) ?? '?'), longestValue);
}

function cut(text: string, width: number): string {
  return text.length <= width ? text : `${text.slice(0, width - 1)}…`;
}

/** The wall clock here, to the millisecond. */
function clockTime(ms: number): string {
  const date = new Date(ms);
  const two = (part: number) => String(part).padStart(2, '0');
  const seconds = [date.getHours(), date.getMinutes(), date.getSeconds()].map(two).join(':');
  return `${seconds}.${String(date.getMilliseconds()).padStart(3, '0')}`;
}
