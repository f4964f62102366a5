/** Which columns leave the process, and which are masked, hashed or truncated before they do. */

import { valueErrors } from '../values/error-codes.ts';
import { matcherOf, type NameMatcher } from './patterns.ts';

export type ColumnTransform =
  | { readonly kind: 'mask'; readonly length: number }
  | { readonly kind: 'hash'; readonly algorithm: string; readonly salt: string; readonly version: 1 | 2 }
  | { readonly kind: 'truncate'; readonly length: number };

/** Answers for `schema.table.column`. */
export interface ColumnRules {
  isIncluded(name: string): boolean;
  /** The first setting that names the column counts; null when none does. */
  transformOf(name: string): ColumnTransform | null;
}

export const allColumns: ColumnRules = { isIncluded: () => true, transformOf: () => null };

const includeSetting = 'column.include.list';
const excludeSetting = 'column.exclude.list';
const maskSetting = /^column\.mask\.with\.(\d+)\.chars$/;
const truncateSetting = /^column\.truncate\.to\.(\d+)\.chars$/;
const hashSetting = /^column\.mask\.hash\.(v2\.)?([^.]+)\.with\.salt\.(.+)$/;

/** The settings about columns, each a list of patterns, under their own names. */
export type ColumnSettings = Readonly<Record<string, readonly string[] | undefined>>;

/** Settings that are not about columns are passed over; of transforms the first that matches counts. Throws `postgres-values/bad-setting`. */
export function columnRules(settings: ColumnSettings): ColumnRules {
  const included = settings[includeSetting];
  const excluded = settings[excludeSetting];
  if (included !== undefined && excluded !== undefined) {
    throw valueErrors.error('bad-setting', {
      message: `${includeSetting} and ${excludeSetting} exclude each other`,
      where: excludeSetting,
      fix: 'Keep one of them.',
    });
  }
  const isIncluded = included === undefined ? null : matcherOf(included, includeSetting);
  const isExcluded = excluded === undefined ? null : matcherOf(excluded, excludeSetting);
  const transforms = transformsOf(settings);
  return {
    isIncluded: (name) => isIncluded?.(name) ?? !(isExcluded?.(name) ?? false),
    transformOf: (name) => transforms.find(({ matches }) => matches(name))?.transform ?? null,
  };
}

interface NamedTransform {
  readonly matches: NameMatcher;
  readonly transform: ColumnTransform;
}

function transformsOf(settings: ColumnSettings): NamedTransform[] {
  const found: NamedTransform[] = [];
  for (const [key, list] of Object.entries(settings)) {
    const transform = transformIn(key);
    if (transform !== null && list !== undefined) found.push({ matches: matcherOf(list, key), transform });
  }
  return found;
}

function transformIn(key: string): ColumnTransform | null {
  const masked = maskSetting.exec(key);
  if (masked !== null) return { kind: 'mask', length: Number(masked[1]) };
  const truncated = truncateSetting.exec(key);
  if (truncated !== null) return { kind: 'truncate', length: Number(truncated[1]) };
  const hashed = hashSetting.exec(key);
  if (hashed === null) return null;
  return { kind: 'hash', algorithm: hashed[2] ?? '', salt: hashed[3] ?? '', version: hashed[1] === undefined ? 1 : 2 };
}
