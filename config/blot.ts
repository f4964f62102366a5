/** Keeps secrets out of what is shown of a user's file: the lines around a problem and the values in its message. */

import { blot } from './fields/secret.ts';

/** Settings whose values are confidential by their name, also when the name is misspelt or no definition knows it. */
const confidentialName = /secret|passw|token|credential|private\.?key|api\.?key|access\.key|sasl\.jaas/i;

const confidentialPair = new RegExp(
  `([\\w.-]*(?:${confidentialName.source})[\\w.-]*["']?\\s*:(?:\\s+|(?=["'])))(\\S.*)$`,
  'i',
);

/** What lies behind is not shown: the search takes time with the square of the length. */
const longestLine = 2000;

/** Shorter values are too likely to be ordinary words that stand in a message for another reason. */
const shortestSecret = 6;

export function isConfidentialName(key: string): boolean {
  return confidentialName.test(key);
}

/** A line of a configuration file with everything after a confidential name, and credentials inside addresses, blotted out. */
export function blotLine(line: string): string {
  return blotAddress(line.slice(0, longestLine).replace(confidentialPair, `$1${blot}`));
}

/** `https://user:password@host` without its credentials. */
export function blotAddress(text: string): string {
  return text.replaceAll(/\/\/[^/\s@"']+:[^/\s"']*@/g, `//${blot}@`);
}

/** The text with every one of the values blotted out. */
export function blotValues(text: string, values: Iterable<string>): string {
  let result = text;
  for (const value of values) if (value.length >= shortestSecret) result = result.replaceAll(value, blot);
  return result;
}
