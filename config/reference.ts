/** The written reference, generated: the settings of a connector and the error codes, as Markdown. */

import type { ErrorCodes } from '../core/base/errors.ts';
import type { ConnectorDefinition } from './definition.ts';
import type { AnyField, Fields } from './fields/field.ts';

/** Settings of a connector as tables, one per group, its own groups before the shared ones. */
export function connectorReference(definition: ConnectorDefinition): string {
  const names = [definition.name, ...definition.aliases].map((name) => `\`${name}\``).join(', ');
  const intro = `\`connector:\` (in REST \`connector.class\`) is ${names.replace(/, ([^,]*)$/, ' or $1')}.`;
  const guarantee = `**Guarantee.** ${definition.guarantee}`;
  const groups = Map.groupBy(visible(definition.fields), ([, field]) => field.group ?? definition.title);
  const tables = [...groups].map(([group, fields]) => `### ${group}\n\n${settingsTable(fields)}`);
  const unsupported = unsupportedList(definition.unsupported);
  return [intro, guarantee, ...tables, ...unsupported].join('\n\n');
}

/** Settings of a topic or another block, as one table. */
export function settingsTable(fields: readonly (readonly [string, AnyField])[]): string {
  const rows = fields.map(
    ([key, field]) => `| \`${key}\` | ${typeOf(field)} | ${defaultOf(field)} | ${descriptionOf(field)} |`,
  );
  return ['| Setting | Type | Default | What it does |', '|---|---|---|---|', ...rows].join('\n');
}

export function visible(fields: Fields): [string, AnyField][] {
  return Object.entries(fields).filter(([, field]) => !field.internal);
}

/** Every code of every area, in alphabetical order. */
export function errorReference(areas: Iterable<ErrorCodes<string>>): string {
  const sorted = [...areas].sort((a, b) => (a.area < b.area ? -1 : 1));
  return sorted.map((codes) => `## ${codes.area}\n\n${errorTable(codes)}`).join('\n\n');
}

function errorTable({ area, specs }: ErrorCodes<string>): string {
  const rows = Object.entries(specs).map(([code, { meaning, fix, retriable }]) => {
    return `| \`${area}/${code}\` | ${cell(meaning)} | ${cell(fix)} | ${retriable ? 'yes' : 'no'} |`;
  });
  return ['| Code | What it means | What to do | Retried |', '|---|---|---|---|', ...rows].join('\n');
}

function typeOf({ kind, choices }: AnyField): string {
  const names: Partial<Record<AnyField['kind'], string>> = {
    int: 'whole number',
    bytes: 'size',
    globs: 'list of paths and globs',
    topics: 'list of topics',
    regex: 'regular expression',
    url: 'address',
    string: 'text',
  };
  if (choices.length > 0) return choices.map((each) => `\`${each}\``).join(', ');
  return names[kind] ?? kind;
}

function defaultOf(field: AnyField): string {
  if (field.required) return '**required**';
  if (field.default === undefined) return '';
  const text = field.display(field.default);
  return text === '' ? '' : `\`${cell(text)}\``;
}

function descriptionOf(field: AnyField): string {
  const parts = [field.doc];
  if (field.deprecated !== undefined) parts.push(`**Going away:** ${field.deprecated}`);
  if (field.noEffect !== undefined) parts.push(`**No effect:** ${field.noEffect}.`);
  if (field.aliases.length > 0) parts.push(`Also ${field.aliases.map((each) => `\`${each}\``).join(', ')}.`);
  return cell(parts.join(' '));
}

function unsupportedList(unsupported: ConnectorDefinition['unsupported']): string[] {
  const entries = Object.entries(unsupported);
  if (entries.length === 0) return [];
  const lines = entries.map(([key, reason]) => `- \`${key}\`: ${reason}.`);
  return [
    '### Not supported',
    'Settings of the connector it stands in for that are refused, and why:',
    lines.join('\n'),
  ];
}

/** Text inside a table: a bar would end the cell. */
function cell(text: string): string {
  return text.replaceAll('|', '\\|').replaceAll('\n', ' ');
}
