/** The door of config: what connectors, workers and the command line use of it. */

export { type Catalogue, createCatalogue } from './catalogue.ts';
export {
  type ConfigOf,
  type ConnectorDefinition,
  type ConnectorKind,
  defineConnector,
  type ParseResult,
  type Settings,
} from './definition.ts';
export { field } from './fields/kinds.ts';
export { Secret } from './fields/secret.ts';
export { hasErrors, type Problem } from './problem.ts';
