/** /connector-plugins: which connectors there are, their settings, and whether a configuration is right. */

import type { FastifyInstance } from 'fastify';
import { blot } from '../../config/fields/secret.ts';
import type { Catalogue, ConnectorDefinition } from '../../config/index.ts';
import { configKeys, validateForRest } from '../../config/validate-rest.ts';
import { workerErrors } from '../error-codes.ts';
import { examined, type LoadConnector, withFindings } from './examined.ts';
import { bad, readPatch } from './read-body.ts';

interface PluginRoute {
  Params: { plugin: string };
}

interface PluginServices {
  readonly catalogue: Catalogue;
  readonly version: string;
  readonly loadConnector: LoadConnector;
}

export function pluginRoutes(app: FastifyInstance, { catalogue, version, loadConnector }: PluginServices): void {
  app.get('/connector-plugins', async () => {
    return catalogue.all().map(({ name, kind }) => ({ class: name, type: kind, version }));
  });

  app.get<PluginRoute>('/connector-plugins/:plugin/config', async ({ params }) => {
    return configKeys(pluginOf(catalogue, params.plugin));
  });

  app.put<PluginRoute>('/connector-plugins/:plugin/config/validate', async ({ params, body }) => {
    const settings = readPatch(body);
    const definition = pluginOf(catalogue, params.plugin);
    const named = settings['connector.class'];
    if (named === undefined || named === null) throw bad('the configuration must have connector.class');
    if (catalogue.find(named) !== definition) {
      throw bad(`Included connector type ${named} does not match request type ${params.plugin}`);
    }
    const infos = validateForRest(definition, settings);
    const texts = Object.entries(settings).filter((entry): entry is [string, string] => entry[1] !== null);
    // With dots in place of a secret nobody would be let in.
    if (infos.error_count > 0 || texts.some(([, text]) => text === blot)) return infos;
    return withFindings(infos, await examined(loadConnector, definition.name, Object.fromEntries(texts)));
  });
}

function pluginOf(catalogue: Catalogue, plugin: string): ConnectorDefinition {
  const definition = catalogue.find(plugin);
  if (definition !== undefined) return definition;
  throw workerErrors.error('unknown-plugin', { message: `Unknown plugin ${plugin}`, where: plugin });
}
