/** Debezium's lists of regular expressions: divided by commas, anchored, blind to case. */

import { messageOf } from '../../../core/base/errors.ts';
import { valueErrors } from '../values/error-codes.ts';

export type NameMatcher = (name: string) => boolean;

/** Whether a whole name matches one of the patterns. Throws `postgres-values/bad-setting`. */
export function matcherOf(list: readonly string[], setting: string): NameMatcher {
  const patterns = list.map((each) => patternOf(each, setting));
  return (name) => patterns.some((pattern) => pattern.test(name));
}

export function patternOf(text: string, setting: string): RegExp {
  try {
    return anchored(text);
  } catch (error) {
    throw valueErrors.error('bad-setting', {
      message: `${setting} has a pattern that cannot be understood: ${messageOf(error)}`,
      where: setting,
      fix: 'Write regular expressions that match whole names, divided by commas; a comma of a pattern is written \\,.',
      cause: error,
    });
  }
}

/** Java takes a backslash before any character that is no letter; with the flag for Unicode it is a mistake here. */
function anchored(text: string): RegExp {
  const source = `^(?:${text})$`;
  try {
    return new RegExp(source, 'iu');
  } catch {
    return new RegExp(source, 'i');
  }
}

/** The parts of a list without the white space around them; a backslash takes the divider its meaning. */
export function splitList(list: string, divider: string): string[] {
  const parts: string[] = [];
  let part = '';
  for (let i = 0; i < list.length; i++) {
    const char = list[i]!;
    if (char === '\\' && list[i + 1] === divider) part += list[++i];
    else if (char === divider) {
      parts.push(part);
      part = '';
    } else part += char;
  }
  parts.push(part);
  return parts.map((each) => each.trim()).filter((each) => each !== '');
}
