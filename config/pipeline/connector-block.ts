/** Compiles one `source:` or one entry of `sinks:` to a connector configuration. */

import type { Catalogue } from '../catalogue.ts';
import type { ConnectorDefinition, ConnectorKind } from '../definition.ts';
import { splitList } from '../fields/lists.ts';
import { nearest } from '../nearest.ts';
import { canonicalKey } from '../parse-settings.ts';
import { type Problem, problem } from '../problem.ts';
import { type SourceTopics, shownTopics, subscriptionTo, writesTo } from '../source-topics.ts';
import { checkBlock } from './check-block.ts';
import type { CompiledConnector } from './compiled.ts';
import type { FileProblems } from './file-problems.ts';
import { flattenSettings, type Setting } from './settings.ts';
import { describeNode, entryOf, type MapNode, type Place } from './tree.ts';

export interface PlacedConnector extends CompiledConnector {
  readonly at: Place;
  /** Where its records go, if it is a source. */
  readonly writes: SourceTopics | undefined;
  /** The most bytes of a record a source may write, as far as it says. */
  readonly largestRecordBytes: number | undefined;
}

export interface ConnectorBlock {
  readonly map: MapNode;
  readonly path: string;
  readonly at: Place;
  readonly kind: ConnectorKind;
  /** The name of the pipeline, which is its topic unless the source says otherwise. */
  readonly pipeline: string;
  /** What a sink reads unless the block says otherwise. */
  readonly upstream: SourceTopics;
  /** Called only when the block has no `name`. */
  defaultName(connector: string): string;
  /** Settings of the pipeline's `errors:`; the block's own win. */
  readonly errors: readonly Setting[];
}

/** The keys that name the connector; the second is how Kafka Connect spells it. */
const connectorKeys = ['connector', 'connector.class'];

/** The connector, or undefined when something is wrong with it, which is reported. */
export function compileConnector(
  block: ConnectorBlock,
  { catalogue, problems }: { readonly catalogue: Catalogue; readonly problems: FileProblems },
): PlacedConnector | undefined {
  const definition = findDefinition(block, catalogue, problems);
  if (definition === undefined) return undefined;
  const isSetting = (key: string) => canonicalKey(definition.fields, key) !== undefined;
  const entries = block.map.entries.filter((entry) => !connectorKeys.includes(entry.key));
  const own = flattenSettings({ ...block.map, entries }, { path: block.path, isSetting, problems });
  const ownKeys = new Set(own.map((setting) => canonicalKey(definition.fields, setting.key)));
  const settings = [...own, ...block.errors.filter((setting) => !ownKeys.has(setting.key))];
  const config = checkBlock({
    described: definition,
    settings,
    implied: impliedSettings(block, definition, ownKeys),
    path: block.path,
    at: block.at,
    problems,
    parse(texts, options) {
      const result = definition.parse(texts, options);
      return [
        ...('config' in result ? result.warnings : result.problems),
        ...subscriptionProblems(block, texts, ownKeys),
      ];
    },
  });
  if (config === undefined) return undefined;
  const at = own.find((setting) => setting.key === 'name')?.valueAt ?? block.at;
  const typed = definition.require(config);
  const writes = definition.kind === 'source' ? definition.topics(typed) : undefined;
  const largestRecordBytes = definition.largestRecordBytes(typed);
  return { name: config['name']!, kind: definition.kind, config, at, writes, largestRecordBytes };
}

function impliedSettings(
  block: ConnectorBlock,
  definition: ConnectorDefinition,
  given: ReadonlySet<string | undefined>,
): Record<string, string> {
  const implied: Record<string, string> = { 'connector.class': definition.name };
  if (!given.has('name')) implied['name'] = block.defaultName(definition.name);
  const namesTopics = ['topic', ...definition.topicsNamedBy].some((key) => given.has(key));
  if (block.kind === 'source' && !namesTopics) implied['topic'] = block.pipeline;
  if (block.kind !== 'sink' || subscribes(given)) return implied;
  // Where there is nothing to subscribe to, a name stands in: what is wrong is a problem of its own.
  return { ...implied, ...(subscriptionTo(block.upstream) ?? { topics: block.pipeline }) };
}

function subscribes(given: ReadonlySet<string | undefined>): boolean {
  return given.has('topics') || given.has('topics.regex');
}

/** What is wrong with the topics a sink reads, seen from the source of its pipeline. */
function subscriptionProblems(
  { kind, upstream, pipeline }: ConnectorBlock,
  texts: Readonly<Record<string, string>>,
  given: ReadonlySet<string | undefined>,
): Problem[] {
  if (kind !== 'sink') return [];
  const shown = shownTopics(upstream).join(', ');
  if (!subscribes(given)) {
    if (subscriptionTo(upstream) !== undefined) return [];
    const message = `the topics of the source, ${shown}, cannot be told from those of others`;
    return [problem('missing-key', { path: 'topics', message, fix: 'Name those to read, or give topics.regex.' })];
  }
  const readsNothing = splitList(texts['topics'] ?? '').includes(pipeline) && !writesTo(upstream, pipeline);
  if (!readsNothing) return [];
  const message = `no record goes to the topic ${pipeline}: the source writes to ${shown}`;
  return [
    problem('conflict', { path: 'topics', message, fix: 'Remove it to read all of those, or name some of them.' }),
  ];
}

function findDefinition(
  { map, path, at, kind }: ConnectorBlock,
  catalogue: Catalogue,
  problems: FileProblems,
): ConnectorDefinition | undefined {
  const [entry, second] = connectorKeys.flatMap((key) => entryOf(map, key) ?? []);
  if (second !== undefined) {
    const message = 'the connector is named by connector already';
    problems.add(problem('duplicate-key', { path: `${path}.${second.key}`, message }), second.at);
  }
  const ofKind = catalogue.all().filter((each) => each.kind === kind);
  const choices = ofKind.map((each) => each.name).join(', ');
  const where = `${path}.${entry?.key ?? 'connector'}`;
  if (entry === undefined) {
    const fix = `Add connector: and the name of one: ${choices}.`;
    problems.add(problem('missing-key', { path: where, message: `this ${kind} names no connector`, fix }), at);
    return undefined;
  }
  const { value } = entry;
  if (value.kind !== 'value' || value.isNull) {
    if (value.kind === 'value' && value.isBroken) return undefined;
    const details = {
      path: where,
      message: `${describeNode(value)} cannot name a connector`,
      fix: `Write the name of one: ${choices}.`,
    };
    problems.add(problem('wrong-type', details), value.at);
    return undefined;
  }
  if (value.isBroken) return undefined;
  const definition = catalogue.find(value.text);
  if (definition?.kind === kind) return definition;
  const name = value.isHidden ? 'this' : JSON.stringify(value.text.slice(0, 100));
  const match = nearest(
    value.text,
    ofKind.flatMap((each) => [each.name, ...each.aliases]),
  );
  const suggestion = match === undefined ? '' : `Did you mean ${match}? `;
  const message =
    definition === undefined ? `there is no connector ${name}` : `${name} is a ${definition.kind}, not a ${kind}`;
  const fix = `${suggestion}Connectors for a ${kind}: ${choices}.`;
  problems.add(problem('unknown-connector', { path: where, message, fix }), value.at);
  return undefined;
}
