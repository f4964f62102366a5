/** Compiles one pipeline document: checks everything in it, then gives the connectors and topics it stands for. */

import type { Catalogue } from '../catalogue.ts';
import { topicComplaint } from '../fields/kinds.ts';
import { commonFields } from '../fields/shared.ts';
import { didYouMean } from '../nearest.ts';
import { problem } from '../problem.ts';
import { oneTopic, type SourceTopics, shownTopics } from '../source-topics.ts';
import { checkBlock } from './check-block.ts';
import type { PlacedPipeline } from './compiled.ts';
import { type ConnectorBlock, compileConnector, type PlacedConnector } from './connector-block.ts';
import type { FileProblems } from './file-problems.ts';
import { flattenSettings, type Setting } from './settings.ts';
import { compileTopics } from './topic-block.ts';
import { describeNode, type Entry, entryOf, type MapNode, type Node } from './tree.ts';

export interface DocumentContext {
  readonly catalogue: Catalogue;
  readonly problems: FileProblems;
}

const documentKeys = ['pipeline', 'source', 'transforms', 'topics', 'sinks', 'errors'] as const;

/** A place for YAML anchors and notes; nothing reads it. */
const ignoredKey = /^x-/;

/** The settings of `errors:` as every connector has them. */
const errorFields = Object.fromEntries(Object.entries(commonFields()).filter(([key]) => key.startsWith('errors.')));

/** The pipeline, or undefined when an error was reported. */
export function compileDocument(root: Node, context: DocumentContext): PlacedPipeline | undefined {
  const { problems } = context;
  const errorsBefore = problems.errorCount;
  if (root.kind !== 'map') {
    const message = `a pipeline is a map, and here is ${describeNode(root)}`;
    problems.add(problem('wrong-type', { message, fix: 'Begin with pipeline: and its name.' }), root.at);
    return undefined;
  }
  reportUnknownKeys(root, problems);
  refuseTransforms(root, problems);
  const name = readName(root, problems);
  const errors = readErrors(root, problems);
  const source = readSource(root, name, errors, context);
  const written = source?.topics ?? oneTopic(name);
  const sinks = readSinks(root, { pipeline: name, upstream: written, errors }, context);
  const connectors = [...(source?.connector ? [source.connector] : []), ...sinks];
  if (source?.isTopic && !hasItems(entryOf(root, 'sinks'))) {
    const message = 'the pipeline reads a topic and does nothing with it';
    problems.add(problem('missing-key', { path: 'sinks', message, fix: 'Add a sink under sinks:.' }), root.at);
  }
  const topics = compileTopics({ node: entryOf(root, 'topics'), source: source?.connector, written, sinks, problems });
  if (problems.errorCount > errorsBefore) return undefined;
  return {
    name,
    file: problems.file,
    at: entryOf(root, 'pipeline')!.value.at,
    topics: topics.topics,
    written: shownTopics(written),
    declaredTopics: topics.declared,
    connectors: connectors.map((each) => ({ name: each.name, kind: each.kind, config: each.config })),
    connectorPlaces: connectors.map((each) => each.at),
  };
}

function reportUnknownKeys(root: MapNode, problems: FileProblems): void {
  for (const { key, at } of root.entries) {
    if ((documentKeys as readonly string[]).includes(key) || ignoredKey.test(key)) continue;
    const fix = didYouMean(key, documentKeys) ?? `Remove it; a pipeline has ${documentKeys.join(', ')}.`;
    problems.add(problem('unknown-key', { path: key, message: 'a pipeline has no such part', fix }), at);
  }
}

function refuseTransforms(root: MapNode, problems: FileProblems): void {
  const transforms = entryOf(root, 'transforms');
  if (transforms === undefined || !hasItems(transforms)) return;
  const details = { path: 'transforms', message: 'not supported: transforms are not supported yet' };
  problems.add(
    problem('unsupported-key', { ...details, fix: 'Remove transforms; records pass as they are.' }),
    transforms.at,
  );
}

/** The name; a stand-in where it is missing or wrong, so that the rest can be checked. */
function readName(root: MapNode, problems: FileProblems): string {
  const standIn = 'pipeline';
  const entry = entryOf(root, 'pipeline');
  if (entry === undefined) {
    const fix = 'Add it, such as pipeline: web-logs.';
    problems.add(problem('missing-key', { path: 'pipeline', message: 'the pipeline has no name', fix }), root.at);
    return standIn;
  }
  const { value } = entry;
  if (value.kind === 'value' && value.isBroken) return standIn;
  if (value.kind !== 'value' || value.isNull) {
    const details = { path: 'pipeline', message: `${describeNode(value)} cannot be the name`, fix: 'Write one word.' };
    problems.add(problem('wrong-type', details), value.at);
    return standIn;
  }
  const complaint = topicComplaint(value.text, value.isHidden ? () => 'this' : JSON.stringify);
  if (complaint === undefined && value.text.length <= longestName) return value.text;
  const message = 'this cannot be the name of a pipeline';
  const fix = `Use 1 to ${longestName} letters, digits, dots, underscores and dashes.`;
  problems.add(problem('bad-name', { path: 'pipeline', message, fix }), value.at);
  return standIn;
}

/** Leaves room for what is put behind it: topics may have 249 characters, connectors 200. */
const longestName = 150;

function readErrors(root: MapNode, problems: FileProblems): readonly Setting[] {
  const entry = entryOf(root, 'errors');
  const map = entry === undefined || !hasItems(entry) ? undefined : requireMap(entry, 'errors', problems);
  if (map === undefined) return [];
  const isSetting = (key: string) => Object.hasOwn(errorFields, key);
  const settings = flattenSettings(map, { path: 'errors', prefix: 'errors.', isSetting, problems });
  const described = { fields: errorFields, unsupported: {} };
  const config = checkBlock({ described, settings, path: 'errors', at: map.at, problems });
  return config === undefined ? [] : settings;
}

interface Source {
  readonly topics: SourceTopics;
  /** undefined for `source: { topic: … }`, and for a connector that has problems. */
  readonly connector: PlacedConnector | undefined;
  readonly isTopic: boolean;
}

function readSource(
  root: MapNode,
  name: string,
  errors: readonly Setting[],
  context: DocumentContext,
): Source | undefined {
  const { problems } = context;
  const entry = entryOf(root, 'source');
  if (entry === undefined) {
    const fix = 'Add source: with a connector, or with the topic to read.';
    problems.add(problem('missing-key', { path: 'source', message: 'the pipeline has no source', fix }), root.at);
    return undefined;
  }
  const map = requireMap(entry, 'source', problems);
  if (map === undefined) return undefined;
  const onlyTopic = map.entries.length === 1 ? entryOf(map, 'topic') : undefined;
  if (onlyTopic !== undefined) return readTopicSource(onlyTopic, problems);
  const place = { map, path: 'source', at: entry.at, kind: 'source' } as const;
  const surroundings = { pipeline: name, upstream: oneTopic(name), errors };
  const connector = compileConnector({ ...place, ...surroundings, defaultName: () => `${name}-source` }, context);
  return { topics: connector?.writes ?? oneTopic(name), connector, isTopic: false };
}

function readTopicSource({ value }: Entry, problems: FileProblems): Source | undefined {
  if (value.kind === 'value' && value.isBroken) return undefined;
  const text = value.kind === 'value' ? value.text : '';
  const complaint = topicComplaint(text, value.kind === 'value' && value.isHidden ? () => 'this' : JSON.stringify);
  if (complaint === undefined) return { topics: oneTopic(text), connector: undefined, isTopic: true };
  problems.add(problem('bad-name', { path: 'source.topic', ...complaint }), value.at);
  return undefined;
}

function readSinks(
  root: MapNode,
  surroundings: Pick<ConnectorBlock, 'pipeline' | 'upstream' | 'errors'>,
  context: DocumentContext,
): PlacedConnector[] {
  const entry = entryOf(root, 'sinks');
  if (entry === undefined || (entry.value.kind === 'value' && entry.value.isNull)) return [];
  if (entry.value.kind !== 'list') {
    const message = `${describeNode(entry.value)} cannot stand here`;
    const fix = 'Write a list: each sink begins with a dash.';
    context.problems.add(problem('wrong-type', { path: 'sinks', message, fix }), entry.value.at);
    return [];
  }
  const counts = new Map<string, number>();
  const defaultName = (connector: string) => {
    const count = (counts.get(connector) ?? 0) + 1;
    counts.set(connector, count);
    const { pipeline } = surroundings;
    return count === 1 ? `${pipeline}-${connector}` : `${pipeline}-${connector}-${count}`;
  };
  return entry.value.items.flatMap((item, index) => {
    const path = `sinks[${index}]`;
    const map = requireMap({ key: 'sinks', at: item.at, value: item }, path, context.problems);
    if (map === undefined) return [];
    const block = { map, path, at: item.at, kind: 'sink', defaultName, ...surroundings } as const;
    return compileConnector(block, context) ?? [];
  });
}

function hasItems(entry: Entry | undefined): boolean {
  if (entry === undefined) return false;
  const { value } = entry;
  return value.kind === 'list' ? value.items.length > 0 : value.kind === 'map' || !value.isNull || value.isBroken;
}

function requireMap(entry: Entry, path: string, problems: FileProblems): MapNode | undefined {
  const { value } = entry;
  if (value.kind === 'map') return value;
  if (value.kind === 'value' && value.isBroken) return undefined;
  const message =
    value.kind === 'value' && value.isNull ? 'there is nothing here' : `${describeNode(value)} cannot stand here`;
  const fix = 'Write keys and values below it, indented.';
  problems.add(problem('wrong-type', { path, message, fix }), value.at);
  return undefined;
}
