/** Compiles one `source:` or one entry of `sinks:` to a connector configuration. */

import type { Catalogue } from '../catalogue.ts';
import type { ConnectorDefinition, ConnectorKind } from '../definition.ts';
import { nearest } from '../nearest.ts';
import { canonicalKey } from '../parse-settings.ts';
import { problem } from '../problem.ts';
import { checkBlock } from './check-block.ts';
import type { CompiledConnector } from './compiled.ts';
import type { FileProblems } from './file-problems.ts';
import { flattenSettings, type Setting } from './settings.ts';
import { describeNode, entryOf, type MapNode, type Place } from './tree.ts';

export interface PlacedConnector extends CompiledConnector {
  readonly at: Place;
  /** The most bytes of a record a source may write, as far as it says. */
  readonly largestRecordBytes: number | undefined;
}

export interface ConnectorBlock {
  readonly map: MapNode;
  readonly path: string;
  readonly at: Place;
  readonly kind: ConnectorKind;
  /** Called only when the block has no `name`. */
  defaultName(connector: string): string;
  /** The pipeline's topic: written by a source, read by a sink, unless the block says otherwise. */
  readonly topic: string;
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
      return 'config' in result ? result.warnings : result.problems;
    },
  });
  if (config === undefined) return undefined;
  const at = own.find((setting) => setting.key === 'name')?.valueAt ?? block.at;
  const largestRecordBytes = definition.largestRecordBytes(definition.require(config));
  return { name: config['name']!, kind: definition.kind, config, at, largestRecordBytes };
}

function impliedSettings(
  block: ConnectorBlock,
  definition: ConnectorDefinition,
  given: ReadonlySet<string | undefined>,
): Record<string, string> {
  const implied: Record<string, string> = { 'connector.class': definition.name };
  if (!given.has('name')) implied['name'] = block.defaultName(definition.name);
  if (block.kind === 'source' && !given.has('topic')) implied['topic'] = block.topic;
  if (block.kind === 'sink' && !given.has('topics') && !given.has('topics.regex')) implied['topics'] = block.topic;
  return implied;
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
