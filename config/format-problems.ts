/** Problems for people: place, the line with a caret, what is wrong and what to do; the same text for pipes without colour. */

import type { Problem } from './problem.ts';

export interface FormatOptions {
  /** Colour and bold by ANSI codes; `NO_COLOR` and pipes are the caller's to ask (`wantsColor`). */
  readonly color: boolean;
}

const styles = { bold: '1', red: '31', yellow: '33', cyan: '36', dim: '2' } as const;

/** A longer line is shown as a window around the column. */
const widestExcerpt = 96;

/** A report of all problems, ending in a line with their number; an empty text for none. */
export function formatProblems(problems: readonly Problem[], { color }: FormatOptions): string {
  if (problems.length === 0) return '';
  const paint = (style: keyof typeof styles, text: string) =>
    color ? `\u001b[${styles[style]}m${text}\u001b[0m` : text;
  const blocks = problems.map((each) => formatOne(each, paint));
  return `${blocks.join('\n\n')}\n\n${summaryOf(problems)}\n`;
}

/** Whether to colour what goes to this stream (https://no-color.org). */
export function wantsColor(
  stream: { readonly isTTY?: boolean },
  env: Readonly<Record<string, string | undefined>>,
): boolean {
  const refused = env['NO_COLOR'] !== undefined && env['NO_COLOR'] !== '';
  return !refused && stream.isTTY === true && env['TERM'] !== 'dumb';
}

type Paint = (style: keyof typeof styles, text: string) => string;

function formatOne(found: Problem, paint: Paint): string {
  const place = [found.file, found.line, found.column].filter((part) => part !== undefined).join(':');
  const kind = found.severity === 'error' ? paint('red', 'error') : paint('yellow', 'warning');
  const subject = found.path === '' ? '' : `${paint('bold', printable(found.path))}: `;
  const lines = [`${place === '' ? '' : `${paint('bold', place)} `}${kind} ${subject}${printable(found.message)}`];
  lines.push(...excerptLines(found, paint));
  lines.push(`  ${paint('cyan', 'fix:')} ${printable(found.fix)} ${paint('dim', `[${found.code}]`)}`);
  return lines.join('\n');
}

function excerptLines({ excerpt, line, column }: Problem, paint: Paint): string[] {
  if (excerpt === undefined || excerpt.trim() === '' || line === undefined || column === undefined) return [];
  const caretAt = Math.min(column - 1, excerpt.length);
  const start = caretAt < widestExcerpt - 8 ? 0 : caretAt - widestExcerpt / 2;
  const window = printable(excerpt.slice(start, start + widestExcerpt));
  const label = String(line).padStart(4);
  return [
    `${paint('dim', `${label} |`)} ${window.trimEnd()}`,
    `${paint('dim', `${' '.repeat(label.length)} |`)} ${' '.repeat(caretAt - start)}${paint('red', '^')}`,
  ];
}

/** One line without control characters, which could otherwise move the cursor or colour the terminal. */
function printable(text: string): string {
  return text.replaceAll(/\p{Cc}/gu, ' ');
}

function summaryOf(problems: readonly Problem[]): string {
  const errors = problems.filter((each) => each.severity === 'error').length;
  const counts = [countOf(errors, 'error'), countOf(problems.length - errors, 'warning')];
  return counts.filter((each) => each !== '').join(', ');
}

function countOf(count: number, noun: string): string {
  if (count === 0) return '';
  return count === 1 ? `1 ${noun}` : `${count} ${noun}s`;
}
