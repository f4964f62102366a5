/** Which tables are given which replica identity: `replica.identity.autoset.values`. Pure. */

import { messageOf } from '../../../core/base/errors.ts';
import { quoteName, quoteTable } from '../catalog/names.ts';
import { patternOf } from '../columns/patterns.ts';
import type { ReplicaIdentity } from '../row.ts';

interface WantedIdentity {
  readonly identity: ReplicaIdentity;
  /** Of an index. */
  readonly index: string | undefined;
}

interface IdentityRule extends WantedIdentity {
  matches(name: string): boolean;
}

/** Entries `schema.table:FULL` with tables as patterns. Throws an Error that says what is wrong with the first bad one. */
export function replicaIdentityRules(entries: readonly string[]): readonly IdentityRule[] {
  return entries.map((entry) => {
    const colon = entry.lastIndexOf(':');
    const word = entry.slice(colon + 1).trim();
    const index = /^index\s+(.+)$/i.exec(word)?.[1];
    const identity = index === undefined ? word.toLowerCase() : 'index';
    if (colon <= 0 || !isIdentity(identity, index))
      throw new Error(`${JSON.stringify(entry)} gives no replica identity`);
    const pattern = patternOf(entry.slice(0, colon).trim(), 'replica.identity.autoset.values');
    return { identity, index, matches: (name) => pattern.test(name) };
  });
}

interface IdentifiedTable {
  readonly schema: string;
  readonly table: string;
  readonly identity: ReplicaIdentity;
  /** The name of the index that is its identity. */
  readonly identityIndex: string | null;
}

/** Statements that give tables the identity the first rule that matches asks for; none where they have it. */
export function identityChanges(tables: readonly IdentifiedTable[], rules: readonly IdentityRule[]): string[] {
  return tables.flatMap((table) => {
    const rule = rules.find((each) => each.matches(`${table.schema}.${table.table}`));
    if (rule === undefined) return [];
    const { identity, index } = rule;
    if (table.identity === identity && (identity !== 'index' || table.identityIndex === index)) return [];
    const how = index === undefined ? identity.toUpperCase() : `USING INDEX ${quoteName(index)}`;
    return [`ALTER TABLE ${quoteTable(table)} REPLICA IDENTITY ${how}`];
  });
}

/** For the definition of the setting. */
export function replicaIdentityComplaint(entries: readonly string[]): { message: string; fix: string } | undefined {
  try {
    replicaIdentityRules(entries);
    return undefined;
  } catch (error) {
    const fix = 'Write schema.table:FULL, with DEFAULT, FULL, NOTHING or INDEX and its name, divided by commas.';
    return { message: messageOf(error), fix };
  }
}

function isIdentity(word: string, index: string | undefined): word is ReplicaIdentity {
  return word === 'default' || word === 'nothing' || word === 'full' || (word === 'index' && index !== undefined);
}
