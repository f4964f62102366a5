/** Turns a connector's settings into task settings: sources plan for themselves, sinks get equal tasks. */

import type { Catalogue, ConnectorDefinition } from '../../config/index.ts';
import type { SinkConnector } from '../../connectors/contract/sink.ts';
import type { SourceConnector } from '../../connectors/contract/source.ts';
import { workerErrors } from '../error-codes.ts';
import type { Settings } from '../stores/config-records.ts';

export interface PlannerOptions {
  readonly catalogue: Catalogue;
  readonly loadConnector: (name: string) => Promise<SourceConnector | SinkConnector>;
}

export type Planner = (connector: string, settings: Settings) => Promise<readonly Settings[]>;

export function createPlanner({ catalogue, loadConnector }: PlannerOptions): Planner {
  return async (connector, settings) => {
    const definition = definitionOf(catalogue, settings);
    // Checked when it was written, but that may have been another version, or another program.
    const config = definition.require(settings) as { readonly 'tasks.max': number };
    const mostTasks = config['tasks.max'];
    const named = { ...settings, 'task.class': definition.name };
    if (definition.kind === 'sink') return Array.from({ length: mostTasks }, () => named);
    const source = (await loadConnector(definition.name)) as SourceConnector;
    const planned = await source.plan(settings, mostTasks);
    if (planned.length === 0 || planned.length > mostTasks) {
      const message = `the connector planned ${planned.length} tasks, and from 1 to ${mostTasks} are allowed`;
      throw workerErrors.error('bad-plan', { message, where: connector });
    }
    return planned.map((task) => ({ ...task, 'task.class': definition.name }));
  };
}

/** Throws `worker/unknown-connector-class`. */
export function definitionOf(catalogue: Catalogue, settings: Settings): ConnectorDefinition {
  const name = settings['connector.class'] ?? '';
  const definition = catalogue.find(name);
  if (definition !== undefined) return definition;
  const known = catalogue.all().map((each) => each.name);
  throw workerErrors.error('unknown-connector-class', {
    message: `no connector answers to ${JSON.stringify(name)}; there are ${known.join(', ')}`,
    where: 'connector.class',
  });
}
