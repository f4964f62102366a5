/** Turns any text into one part of an object's key, so that different texts stay different; pure. */

import { createHash } from 'node:crypto';

/** What Hive, Athena and Spark call the folder of rows whose partition value is null or empty. */
export const noValue = '__HIVE_DEFAULT_PARTITION__';

/** Bytes; file systems allow 255, and the name of the field stands before it. */
const longestPart = 180;

/**
 * Text for a folder's name: letters, digits and a few signs as they are, all else percent-encoded as UTF-8. Longer
 * text is cut and ends in its hash. Never empty, never `.` or `..`, never with a slash.
 */
export function escapePart(text: string): string {
  if (text === '') return noValue;
  if (text === '.' || text === '..') return text.replaceAll('.', '%2E');
  const escaped = /^[A-Za-z0-9_.:+@,-]*$/.test(text) ? text : encodeRest(text);
  if (escaped.length <= longestPart) return escaped;
  const hash = createHash('sha256').update(text).digest('hex').slice(0, 16);
  return `${escaped.slice(0, longestPart - 17).replace(/%[0-9A-F]?$/, '')}~${hash}`;
}

function encodeRest(text: string): string {
  return encodeURIComponent(text.toWellFormed())
    .replaceAll(/[!'()*~]/g, (sign) => `%${sign.charCodeAt(0).toString(16).toUpperCase()}`)
    .replaceAll(/%(3A|2B|40|2C)/g, (code) => decodeURIComponent(code));
}
