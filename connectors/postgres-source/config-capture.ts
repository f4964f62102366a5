/** Settings: which tables, columns and messages are captured, and what their records look like. */

import { field } from '../../config/fields/kinds.ts';
import { messageOf } from '../../core/base/errors.ts';
import { keyRule } from './columns/key-columns.ts';
import { patterns } from './config-fields.ts';

const group = { capture: 'What is captured', columns: 'Columns' } as const;

const operations = ['c', 'u', 'd', 't', 'm', 'none'];

export function captureFields() {
  return {
    'schema.include.list': patterns({
      doc: 'Schemas to capture; all but the system’s unless given.',
      group: group.capture,
    }),
    'schema.exclude.list': patterns({ doc: 'Schemas to leave out.', group: group.capture }),
    'table.include.list': patterns({
      doc: 'Tables to capture, as `schema.table`: regular expressions that match whole names. All unless given.',
      group: group.capture,
      example: 'public\\.orders.*,public\\.customers',
    }),
    'table.exclude.list': patterns({ doc: 'Tables to leave out, as `schema.table`.', group: group.capture }),
    'message.prefix.include.list': patterns({
      doc: 'Prefixes of logical messages (`pg_logical_emit_message`) to capture; all unless given.',
      group: group.capture,
    }),
    'message.prefix.exclude.list': patterns({
      doc: 'Prefixes of logical messages to leave out; `.*` leaves out all.',
      group: group.capture,
    }),
    'skipped.operations': field.list({
      doc: 'Changes that make no records: `c` (insert), `u` (update), `d` (delete), `t` (truncate), `m` (logical message), or `none`.',
      default: ['t'],
      group: group.capture,
      check: operationsComplaint,
    }),
    'skip.messages.without.change': field.boolean({
      doc: 'No record for an update that changed none of the captured columns; works for tables with REPLICA IDENTITY FULL.',
      default: false,
      group: group.capture,
    }),
    ...guardrailFields(),
  };
}

function guardrailFields() {
  return {
    'guardrail.collections.max': field.int({
      doc: 'The most tables to capture; 0 for no limit.',
      default: 0,
      min: 0,
      importance: 'low',
      group: group.capture,
    }),
    'guardrail.collections.limit.action': field.choice(['warn', 'fail'], {
      doc: 'What happens past `guardrail.collections.max`.',
      default: 'warn',
      importance: 'low',
      group: group.capture,
    }),
  };
}

export function columnFields() {
  return {
    'column.include.list': patterns({
      doc: 'Columns whose values are in records, as `schema.table.column`; all unless given.',
      group: group.columns,
    }),
    'column.exclude.list': patterns({
      doc: 'Columns whose values are left out, as `schema.table.column`.',
      group: group.columns,
      example: 'public\\.users\\.password',
    }),
    'column.truncate.to.(n).chars': field.family(
      /^column\.truncate\.to\.\d+\.chars$/,
      patterns({ doc: 'Columns whose text is cut after n characters.', group: group.columns }),
    ),
    'column.mask.with.(n).chars': field.family(
      /^column\.mask\.with\.\d+\.chars$/,
      patterns({ doc: 'Columns whose text becomes n asterisks.', group: group.columns }),
    ),
    'column.mask.hash.(algorithm).with.salt.(salt)': field.family(
      /^column\.mask\.hash\.(v2\.)?[^.]+\.with\.salt\..+$/,
      patterns({
        doc: 'Columns whose text becomes a hash of it, such as `column.mask.hash.SHA-256.with.salt.CzQMA0cB5K`; with `v2.` before the algorithm the same value gives the same hash everywhere.',
        group: group.columns,
      }),
    ),
    'message.key.columns': field.string({
      doc: 'Columns that make the key of records instead of the primary key: `schema.table:column,column`, tables as regular expressions, divided by semicolons.',
      group: group.columns,
      example: 'public.orders:customer_id',
      check: keyComplaint,
    }),
  };
}

function operationsComplaint(list: readonly string[]) {
  const unknown = list.find((each) => !operations.includes(each));
  const fix = `Use letters of ${operations.join(', ')}.`;
  if (unknown !== undefined) return { message: `${JSON.stringify(unknown)} is no operation`, fix };
  if (list.length > 1 && list.includes('none'))
    return { message: 'none stands beside others', fix: 'Keep none alone.' };
  return undefined;
}

function keyComplaint(text: string) {
  try {
    keyRule(text);
    return undefined;
  } catch (error) {
    return {
      message: messageOf(error),
      fix: 'Write schema.table:column,column and divide tables by semicolons.',
    };
  }
}
