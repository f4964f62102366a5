/** Kinds of settings that Debezium has and others have not. */

import type { Field } from '../../config/fields/field.ts';
import { field } from '../../config/fields/kinds.ts';
import { messageOf } from '../../core/base/errors.ts';
import { patternOf } from './columns/patterns.ts';

interface PatternOptions {
  readonly doc: string;
  readonly group: string;
  readonly example?: string;
  readonly aliases?: readonly string[];
}

/** Regular expressions that must match whole names, in upper or lower case. */
export function patterns(options: PatternOptions): Field<readonly string[] | undefined> {
  return field.list({ ...options, check: patternComplaint });
}

/** What is wrong with the first pattern that cannot be understood. */
function patternComplaint(list: readonly string[]): { message: string; fix: string } | undefined {
  for (const each of list) {
    try {
      patternOf(each, 'a pattern');
    } catch (error) {
      return {
        message: `${JSON.stringify(each)} is not a regular expression: ${messageOf(error)}`,
        fix: 'Write regular expressions that match whole names, divided by commas; a comma of a pattern is written \\,.',
      };
    }
  }
  return undefined;
}

/** Settings that are taken and change nothing, each with the reason. */
export function withoutEffect<K extends string>(reasons: Readonly<Record<K, string>>) {
  const entries = Object.entries<string>(reasons).map(([key, noEffect]) => {
    const doc = 'Taken for configurations written for Debezium.';
    return [key, field.string({ doc, group: 'Without effect', importance: 'low', noEffect })];
  });
  return Object.fromEntries(entries) as { readonly [P in K]: Field<string | undefined> };
}
