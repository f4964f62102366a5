/** Reads a flat map of settings against the fields of a definition: every value typed, every problem reported. */

import { blotAddress } from './blot.ts';
import type { AnyField, Fields, Show } from './fields/field.ts';
import { blot } from './fields/secret.ts';
import { didYouMean } from './nearest.ts';
import { type Problem, problem } from './problem.ts';
import { unsupportedReason } from './unsupported.ts';

export interface Described {
  readonly fields: Fields;
  readonly unsupported: Readonly<Record<string, string>>;
}

export interface SettingsResult {
  /** By canonical key, defaults filled in; complete only when no key is bad. */
  readonly values: Readonly<Record<string, unknown>>;
  /** Canonical keys whose value is wrong or missing, so that `values` does not say what the user means. */
  readonly bad: ReadonlySet<string>;
  readonly problems: readonly Problem[];
}

export interface ParseOptions {
  /** Keys whose values must not appear in problems, besides those of secret fields. */
  readonly hidden?: ReadonlySet<string>;
  /** Keys that are given with something unusable, which is reported already. */
  readonly broken?: ReadonlySet<string>;
  /** True for what a user wrote, where settings of task configs are as unknown as misspelt ones. */
  readonly isFromUser?: boolean;
}

const longestShown = 60;
const mostListed = 10;
const none: ReadonlySet<string> = new Set();

export function parseSettings(
  { fields, unsupported }: Described,
  settings: Readonly<Record<string, string>>,
  { hidden = none, broken = none, isFromUser = false }: ParseOptions,
): SettingsResult {
  const problems: Problem[] = [];
  const given = new Map<string, string>();
  for (const key of [...Object.keys(settings), ...broken]) {
    const canonical = canonicalKey(fields, key);
    const isUnknown = canonical === undefined || (isFromUser && fieldOf(fields, canonical)?.internal === true);
    if (isUnknown) problems.push(unknownKey(fields, unsupported, key));
    else if (given.has(canonical)) problems.push(givenTwice(key, given.get(canonical)!));
    else given.set(canonical, key);
  }
  const values: Record<string, unknown> = {};
  const bad = new Set<string>();
  for (const [key, field] of Object.entries(fields)) {
    const found = readField(key, field, { settings, given, hidden });
    values[key] = found.value;
    for (const each of found.bad) bad.add(each);
    problems.push(...found.problems);
  }
  return { values, bad, problems };
}

interface Given {
  readonly settings: Readonly<Record<string, string>>;
  /** As it is written, by canonical key. */
  readonly given: ReadonlyMap<string, string>;
  readonly hidden: ReadonlySet<string>;
}

interface FieldResult {
  readonly value: unknown;
  readonly bad: readonly string[];
  readonly problems: readonly Problem[];
}

function readField(key: string, field: AnyField, given: Given): FieldResult {
  if (field.family !== undefined) return readFamily(field, given);
  const asWritten = given.given.get(key);
  if (asWritten !== undefined) return readSetting(key, asWritten, field, given);
  if (!field.required) return { value: field.default, bad: [], problems: [] };
  return { value: undefined, bad: [key], problems: [missingKey(key, field)] };
}

function readFamily(field: AnyField, given: Given): FieldResult {
  const keys = [...given.given.keys()].filter((key) => field.family?.test(key));
  const results = keys.map((key) => [key, readSetting(key, key, field, given)] as const);
  return {
    value: Object.fromEntries(results.map(([key, { value }]) => [key, value])),
    bad: results.flatMap(([, { bad }]) => bad),
    problems: results.flatMap(([, { problems }]) => problems),
  };
}

function readSetting(key: string, asWritten: string, field: AnyField, { settings, hidden }: Given): FieldResult {
  const problems: Problem[] = [];
  if (field.deprecated !== undefined) problems.push(deprecatedKey(asWritten, field.deprecated));
  const text = settings[asWritten];
  const isHidden = field.kind === 'secret' || hidden.has(asWritten);
  const parsed = text === undefined ? undefined : field.parse(text, isHidden ? showHidden : showQuoted);
  if (parsed !== undefined && 'value' in parsed) {
    if (field.noEffect !== undefined && parsed.value !== field.default) {
      problems.push(withoutEffect(asWritten, field.noEffect));
    }
    return { value: parsed.value, bad: [], problems };
  }
  if (parsed !== undefined) problems.push(problem('bad-value', { path: asWritten, ...parsed }));
  return { value: undefined, bad: [key], problems };
}

/** The name under which the definition declares what is here called `key`; a setting of a family keeps its own. */
export function canonicalKey(fields: Fields, key: string): string | undefined {
  if (Object.hasOwn(fields, key) && fields[key]?.family === undefined) return key;
  const named = Object.keys(fields).find((each) => fields[each]?.aliases.includes(key));
  if (named !== undefined) return named;
  return Object.values(fields).some((field) => field.family?.test(key)) ? key : undefined;
}

/** What the setting is that is called so: by its canonical key. */
export function fieldOf(fields: Fields, key: string): AnyField | undefined {
  if (Object.hasOwn(fields, key)) return fields[key];
  return Object.values(fields).find((field) => field.family?.test(key));
}

/** Every name a user may write: no internal ones. */
function userKeys(fields: Fields): string[] {
  return Object.keys(fields).filter((key) => !fields[key]!.internal);
}

function unknownKey(fields: Fields, unsupported: Described['unsupported'], key: string): Problem {
  const reason = unsupportedReason(key, unsupported);
  if (reason !== undefined) return problem('unsupported-key', { path: key, message: `not supported: ${reason}` });
  const names = userKeys(fields);
  const list = names.length > mostListed ? 'are in the reference' : `are ${names.join(', ')}`;
  const fix = didYouMean(key, names) ?? `Remove it; the settings that can stand here ${list}.`;
  return problem('unknown-key', { path: key, message: 'there is no such setting', fix });
}

function missingKey(key: string, field: AnyField): Problem {
  const example = field.example === undefined ? '' : `, such as ${key}: ${field.example}`;
  return problem('missing-key', { path: key, message: 'this setting is required', fix: `Add it${example}.` });
}

function givenTwice(key: string, earlier: string): Problem {
  return problem('duplicate-key', {
    path: key,
    message: `this is the same setting as ${earlier}, which is given too`,
    fix: 'Keep one of the two.',
  });
}

function deprecatedKey(key: string, instead: string): Problem {
  return problem('deprecated-key', {
    severity: 'warning',
    path: key,
    message: 'this setting will go away',
    fix: instead,
  });
}

function withoutEffect(key: string, reason: string): Problem {
  const message = `this has no effect: ${reason}`;
  return problem('no-effect', { severity: 'warning', path: key, message });
}

const showQuoted: Show = (text) => {
  const safe = blotAddress(text);
  return JSON.stringify(safe.length > longestShown ? `${safe.slice(0, longestShown)}…` : safe);
};

const showHidden: Show = () => blot;
