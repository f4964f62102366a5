/** Connectors as a worker takes them: what a configuration insists on and the worker does not offer is a problem of the configuration. */

import type { Catalogue } from './catalogue.ts';
import type { ConnectorDefinition } from './definition.ts';
import { problem } from './problem.ts';

export interface WorkerOffer {
  /** `exactly.once.source.support` of the worker. */
  readonly exactlyOnceSources: boolean;
}

/** The same connectors; only `parse` is stricter, so that what runs already is not refused by `require`. */
export function catalogueFor({ exactlyOnceSources }: WorkerOffer, catalogue: Catalogue): Catalogue {
  if (exactlyOnceSources) return catalogue;
  const definitions = new Map(catalogue.all().map((definition) => [definition, atLeastOnce(definition)]));
  const own = (definition: ConnectorDefinition) => definitions.get(definition) ?? definition;
  return {
    find: (name) => {
      const found = catalogue.find(name);
      return found === undefined ? undefined : own(found);
    },
    all: () => catalogue.all().map(own),
  };
}

const key = 'exactly.once.support';

function atLeastOnce(definition: ConnectorDefinition): ConnectorDefinition {
  if (definition.kind !== 'source') return definition;
  return {
    ...definition,
    parse(settings, options) {
      const result = definition.parse(settings, options);
      if (settings[key]?.toLowerCase() !== 'required') return result;
      const message = 'exactly once is required, and the worker writes at least once';
      const fix = `Start the worker with --exactly-once-source-support enabled, or set ${key}: requested.`;
      const refused = problem('conflict', { path: key, message, fix });
      return { problems: [...('problems' in result ? result.problems : result.warnings), refused] };
    },
  };
}
