/** The kinds of settings: how each is read from text, checked and printed. */

import { nearest } from '../nearest.ts';
import {
  type Complaint,
  type Field,
  type FieldOptions,
  makeFamily,
  makeField,
  type Parsed,
  type Range,
  type Show,
  type Value,
} from './field.ts';
import { joinList, splitList } from './lists.ts';
import { Secret } from './secret.ts';
import { formatBytes, formatDuration, parseBytes, parseDuration } from './units.ts';

type NumberOptions = FieldOptions<number> & Range;

function string<const O extends FieldOptions<string>>(options: O): Field<Value<string, O>> {
  return makeField({ kind: 'string', parse: (text) => ({ value: text }) }, options);
}

function boolean<const O extends FieldOptions<boolean>>(options: O): Field<Value<boolean, O>> {
  const parse = (text: string, show: Show): Parsed<boolean> => {
    const word = text.trim().toLowerCase();
    if (word === 'true' || word === 'false') return { value: word === 'true' };
    return { message: `${show(text)} is neither true nor false`, fix: 'Write true or false.' };
  };
  return makeField({ kind: 'boolean', parse }, options);
}

function int<const O extends NumberOptions>(options: O): Field<Value<number, O>> {
  const read = (text: string) => (/^[+-]?\d+$/.test(text.trim()) ? Number(text) : undefined);
  const range = rangeOf(options);
  const parse = ranged(range, read, String, 'a whole number', 'Write digits only, such as 1000.');
  return makeField({ kind: 'int', parse, range }, options);
}

function number<const O extends NumberOptions>(options: O): Field<Value<number, O>> {
  const read = (text: string) => (/^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text.trim()) ? Number(text) : undefined);
  const range = rangeOf(options);
  const parse = ranged(range, read, String, 'a number', 'Write a number such as 0.5.');
  return makeField({ kind: 'number', parse, range }, options);
}

/** Milliseconds. */
function duration<const O extends NumberOptions>(options: O): Field<Value<number, O>> {
  const fix = 'Write a number with a unit: 500ms, 10s, 5m, 1h30m, 7d; a plain number counts milliseconds.';
  const range = rangeOf({ min: 0, ...options });
  const parse = ranged(range, parseDuration, formatDuration, 'a duration', fix);
  return makeField({ kind: 'duration', parse, range, display: formatDuration }, options);
}

/** Bytes. */
function bytes<const O extends NumberOptions>(options: O): Field<Value<number, O>> {
  const fix = 'Write a number with a unit: 64KiB, 128MiB, 1GB; a plain number counts bytes.';
  const range = rangeOf({ min: 0, ...options });
  const parse = ranged(range, parseBytes, formatBytes, 'a size', fix);
  return makeField({ kind: 'bytes', parse, range, display: formatBytes }, options);
}

/** One of `choices`; `also` maps other spellings, such as Java class names, to them. Upper and lower case are the same. */
function choice<
  const C extends string,
  const O extends FieldOptions<NoInfer<C>> & { readonly also?: Readonly<Record<string, NoInfer<C>>> },
>(choices: readonly C[], options: O): Field<Value<C, O>> {
  const spellings = new Map<string, C>(choices.map((each) => [each.toLowerCase(), each]));
  for (const [spelling, meant] of Object.entries(options.also ?? {})) spellings.set(spelling.toLowerCase(), meant as C);
  const parse = (text: string, show: Show): Parsed<C> => {
    const value = spellings.get(text.trim().toLowerCase());
    if (value !== undefined) return { value };
    const match = nearest(text, choices);
    const suggestion = match === undefined ? '' : `Did you mean ${match}? `;
    return { message: `${show(text)} is not one of the choices`, fix: `${suggestion}Choose ${orList(choices)}.` };
  };
  return makeField<C, O>({ kind: 'choice', choices, spellings: Object.keys(options.also ?? {}), parse }, options);
}

function list<const O extends FieldOptions<readonly string[]>>(options: O): Field<Value<readonly string[], O>> {
  return makeField({ kind: 'list', parse: (text) => items(text, false), print: joinList }, options);
}

/** Globs and paths; a comma inside braces belongs to its glob. */
function globs<const O extends FieldOptions<readonly string[]>>(options: O): Field<Value<readonly string[], O>> {
  return makeField({ kind: 'globs', parse: (text) => items(text, true), print: joinList }, options);
}

function regex<const O extends FieldOptions<RegExp>>(options: O): Field<Value<RegExp, O>> {
  const parse = (text: string, show: Show): Parsed<RegExp> => {
    try {
      return { value: new RegExp(text, 'u') };
    } catch {
      return {
        message: `${show(text)} is not a regular expression`,
        fix: 'Correct it; \\ ( ) [ ] { } need to be balanced or escaped.',
      };
    }
  };
  return makeField({ kind: 'regex', parse, print: (value) => value.source }, options);
}

/** An absolute URL, kept as it was written; `schemes` without the colon. */
function url<const O extends FieldOptions<string> & { readonly schemes: readonly string[] }>(
  options: O,
): Field<Value<string, O>> {
  const fix = `Write an address that starts with ${orList(options.schemes.map((each) => `${each}:`))}.`;
  const parse = (text: string, show: Show): Parsed<string> => {
    const value = text.trim();
    // `file:relative/folder` is no URL of the standard, but the way people name a folder beside them.
    const isFile = options.schemes.includes('file') && value.startsWith('file:') && value.length > 'file:'.length;
    const scheme = URL.canParse(value) ? new URL(value).protocol.slice(0, -1) : undefined;
    if (isFile || (scheme !== undefined && options.schemes.includes(scheme))) return { value };
    return { message: `${show(text)} is not an address this setting can take`, fix };
  };
  return makeField({ kind: 'url', parse }, options);
}

function secret<const O extends FieldOptions<Secret>>(options: O): Field<Value<Secret, O>> {
  return makeField(
    {
      kind: 'secret',
      parse: (text) => (text === '' ? empty : { value: new Secret(text) }),
      print: (value) => value.reveal(),
      display: String,
    },
    options,
  );
}

/** A path of this machine; a relative one starts at the working directory of the process. */
function path<const O extends FieldOptions<string>>(options: O): Field<Value<string, O>> {
  const parse = (text: string): Parsed<string> => {
    if (text.trim() === '') return empty;
    return text.includes('\0') ? { message: 'a path cannot have a zero byte', fix: 'Remove it.' } : { value: text };
  };
  return makeField({ kind: 'path', parse }, options);
}

function topic<const O extends FieldOptions<string>>(options: O): Field<Value<string, O>> {
  const parse = (text: string, show: Show): Parsed<string> => topicComplaint(text, show) ?? { value: text };
  return makeField({ kind: 'topic', parse }, options);
}

function topics<const O extends FieldOptions<readonly string[]>>(options: O): Field<Value<readonly string[], O>> {
  const parse = (text: string, show: Show): Parsed<readonly string[]> => {
    const parsed = items(text, false);
    if (!('value' in parsed)) return parsed;
    const complaints = parsed.value.map((each) => topicComplaint(each, show));
    return complaints.find((each) => each !== undefined) ?? parsed;
  };
  return makeField({ kind: 'topics', parse, print: joinList }, options);
}

/** The builders a definition is written with. */
export const field = {
  string,
  boolean,
  int,
  number,
  duration,
  bytes,
  choice,
  list,
  globs,
  regex,
  url,
  secret,
  path,
  topic,
  topics,
  family: makeFamily,
} as const;

const empty: Complaint = { message: 'the value is empty', fix: 'Give a value, or remove the setting.' };

/** What is wrong with a topic's name by Kafka's rules (`org.apache.kafka.common.internals.Topic`), or undefined. */
export function topicComplaint(name: string, show: Show): Complaint | undefined {
  const isLegal = /^[A-Za-z0-9._-]{1,249}$/.test(name) && name !== '.' && name !== '..';
  if (isLegal) return undefined;
  const fix = 'Use 1 to 249 letters, digits, dots, underscores and dashes; not . or .. alone.';
  return { message: `${show(name)} cannot be the name of a topic`, fix };
}

function items(text: string, braces: boolean): Parsed<readonly string[]> {
  const value = splitList(text, braces);
  return value.length === 0
    ? { message: 'the list is empty', fix: 'Give at least one item, or remove the setting.' }
    : { value };
}

function rangeOf({ min, max }: Range): Range {
  return { ...(min === undefined ? {} : { min }), ...(max === undefined ? {} : { max }) };
}

function ranged(
  { min = -Infinity, max = Infinity }: Range,
  read: (text: string) => number | undefined,
  display: (value: number) => string,
  kind: string,
  fix: string,
): (text: string, show: Show) => Parsed<number> {
  return (text, show) => {
    const value = read(text);
    if (value === undefined || Number.isNaN(value)) return { message: `${show(text)} is not ${kind}`, fix };
    if (value < min) return { message: `${show(text)} is too small`, fix: `Write ${display(min)} or more.` };
    if (value > max) return { message: `${show(text)} is too large`, fix: `Write ${display(max)} or less.` };
    return { value };
  };
}

function orList(words: readonly string[]): string {
  return words.length < 2 ? words.join('') : `${words.slice(0, -1).join(', ')} or ${words.at(-1)}`;
}
