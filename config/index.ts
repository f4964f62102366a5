/** The door of config: what connectors, workers and the command line use of it. */

export { type Catalogue, createCatalogue } from './catalogue.ts';
export {
  type ConfigOf,
  type ConnectorDefinition,
  type ConnectorKind,
  defineConnector,
} from './definition.ts';
export { configErrors } from './error-codes.ts';
export { field } from './fields/kinds.ts';
export { Secret } from './fields/secret.ts';
export { formatProblems, wantsColor } from './format-problems.ts';
export { type JsonSchema, pipelineJsonSchema } from './json-schema.ts';
export type { CompiledPipeline } from './pipeline/compiled.ts';
export { type LoadResult, loadPipelines } from './pipeline/load.ts';
export type { UserFiles } from './pipeline/user-files.ts';
export { hasErrors, type Problem } from './problem.ts';
export { connectorReference, errorReference, settingsTable } from './reference.ts';
export type { SourceTopics, TopicFamily } from './source-topics.ts';
export { type ConfigInfos, configKeys, validateForRest } from './validate-rest.ts';
export { matchesWhole } from './whole-match.ts';
export { catalogueFor } from './worker-catalogue.ts';
