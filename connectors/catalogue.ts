/** The connectors that come with the product: definitions at once, the code behind them only when it is to run. */

import { type Catalogue, type ConnectorDefinition, configErrors, createCatalogue } from '../config/index.ts';
import type { SinkConnector } from './contract/sink.ts';
import type { SourceConnector } from './contract/source.ts';
import { definition as fileSource } from './file-source/config.ts';
import { definition as postgresSource } from './postgres-source/config.ts';
import { definition as s3Sink } from './s3-sink/config.ts';

interface Entry {
  readonly definition: ConnectorDefinition;
  /** The folder in here, which also has the connector's README. */
  readonly folder: string;
  load(): Promise<{ readonly connector: SourceConnector | SinkConnector }>;
}

/** One line per connector; a new one is added here and nowhere else. */
export const connectorEntries: readonly Entry[] = [
  { definition: fileSource, folder: 'file-source', load: () => import('./file-source/index.ts') },
  {
    definition: postgresSource,
    folder: 'postgres-source',
    load: () => import('./postgres-source/index.ts'),
  },
  { definition: s3Sink, folder: 's3-sink', load: () => import('./s3-sink/index.ts') },
];

export const catalogue: Catalogue = createCatalogue(connectorEntries.map((entry) => entry.definition));

/** Loads the connector's code and driver. Throws `config/unknown-connector`. */
export async function loadConnector(name: string): Promise<SourceConnector | SinkConnector> {
  const definition = catalogue.find(name);
  const entry = connectorEntries.find((each) => each.definition === definition);
  if (entry === undefined) {
    const fix = `Use one of ${connectorEntries.map((each) => each.definition.name).join(', ')}.`;
    throw configErrors.error('unknown-connector', { message: 'there is no such connector', where: name, fix });
  }
  return (await entry.load()).connector;
}
