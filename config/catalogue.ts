/** Which connectors there are, by every name they answer to. */

import { invariant } from '../core/base/errors.ts';
import type { ConnectorDefinition } from './definition.ts';

export interface Catalogue {
  /** By name or alias; upper and lower case are the same. */
  find(name: string): ConnectorDefinition | undefined;
  /** In name order. */
  all(): readonly ConnectorDefinition[];
}

/** Throws when two definitions answer to the same name. */
export function createCatalogue(definitions: readonly ConnectorDefinition[]): Catalogue {
  const byName = new Map<string, ConnectorDefinition>();
  for (const definition of definitions) {
    for (const name of [definition.name, ...definition.aliases]) {
      const key = name.toLowerCase();
      invariant(!byName.has(key), `two connectors answer to ${name}`);
      byName.set(key, definition);
    }
  }
  const sorted = definitions.toSorted((a, b) => (a.name < b.name ? -1 : 1));
  return { find: (name) => byName.get(name.trim().toLowerCase()), all: () => sorted };
}
