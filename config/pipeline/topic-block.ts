/** Compiles `topics:` and adds the pipeline’s own topic where it is not declared. */

import { topicComplaint } from '../fields/kinds.ts';
import { splitList } from '../fields/lists.ts';
import { didYouMean } from '../nearest.ts';
import { problem } from '../problem.ts';
import { checkBlock } from './check-block.ts';
import type { CompiledTopic } from './compiled.ts';
import type { PlacedConnector } from './connector-block.ts';
import type { FileProblems } from './file-problems.ts';
import { flattenSettings } from './settings.ts';
import { topicFields } from './topic-fields.ts';
import { describeNode, type Entry, type Place } from './tree.ts';

export interface TopicsInput {
  /** The entry `topics:` of the document. */
  readonly node: Entry | undefined;
  /** The topic the pipeline's own source writes. */
  readonly written: string | undefined;
  readonly connectors: readonly PlacedConnector[];
  readonly problems: FileProblems;
}

export interface TopicsResult {
  readonly topics: readonly CompiledTopic[];
  readonly declared: ReadonlyMap<string, Place>;
}

const deadLetterTopic = 'errors.deadletterqueue.topic.name';

export function compileTopics(input: TopicsInput): TopicsResult {
  const declared = new Map<string, Place>();
  const topics = new Map<string, CompiledTopic>();
  for (const entry of topicEntries(input)) {
    declared.set(entry.key, entry.at);
    const topic = compileTopic(entry, input.problems);
    if (topic !== undefined) topics.set(entry.key, topic);
  }
  warnAboutUnused(declared, usedTopics(input), input.problems);
  const { written } = input;
  if (written !== undefined && !topics.has(written)) topics.set(written, plainTopic(written));
  return { topics: [...topics.values()], declared };
}

function topicEntries({ node, problems }: TopicsInput): readonly Entry[] {
  if (node === undefined || (node.value.kind === 'value' && (node.value.isNull || node.value.isBroken))) return [];
  if (node.value.kind === 'map') return node.value.entries;
  const details = {
    path: 'topics',
    message: `${describeNode(node.value)} cannot stand here`,
    fix: 'Write topic names as keys, such as web-logs: { partitions: 4 }.',
  };
  problems.add(problem('wrong-type', details), node.value.at);
  return [];
}

function compileTopic({ key: name, at, value }: Entry, problems: FileProblems): CompiledTopic | undefined {
  const path = `topics.${name}`;
  const complaint = topicComplaint(name, JSON.stringify);
  if (complaint !== undefined) problems.add(problem('bad-name', { path, ...complaint }), at);
  if (value.kind === 'value' && value.isNull) return plainTopic(name);
  if (value.kind !== 'map') {
    const fix = 'Write its settings below it, such as partitions: 4.';
    problems.add(problem('wrong-type', { path, message: `${describeNode(value)} cannot stand here`, fix }), value.at);
    return undefined;
  }
  const isSetting = (key: string) => Object.hasOwn(topicFields, key);
  const settings = flattenSettings(value, { path, isSetting, problems });
  const described = { fields: topicFields, unsupported: {} };
  const checked = checkBlock({ described, settings, path, at, problems });
  if (checked === undefined) return undefined;
  const { partitions = '1', 'replication.factor': replicas = '-1', ...config } = checked;
  return { name, partitions: Number(partitions), replicationFactor: Number(replicas), config };
}

function plainTopic(name: string): CompiledTopic {
  return { name, partitions: 1, replicationFactor: -1, config: {} };
}

/** undefined when a sink reads by pattern, so that any topic may be used. */
function usedTopics({ connectors, written }: TopicsInput): Set<string> | undefined {
  const configs = connectors.map((each) => each.config);
  if (configs.some((config) => config['topics.regex'] !== undefined)) return undefined;
  const read = configs.flatMap((config) => splitList(config['topics'] ?? ''));
  const deadLetters = configs.flatMap((config) => config[deadLetterTopic] ?? []);
  return new Set([...(written === undefined ? [] : [written]), ...read, ...deadLetters]);
}

function warnAboutUnused(
  declared: ReadonlyMap<string, Place>,
  used: Set<string> | undefined,
  problems: FileProblems,
): void {
  if (used === undefined || problems.errorCount > 0) return;
  for (const [name, at] of declared) {
    if (used.has(name)) continue;
    const fix =
      didYouMean(name, used) ?? `Remove it, or name it in the source or a sink; used here: ${[...used].join(', ')}.`;
    const message = 'nothing in this pipeline uses this topic';
    problems.add(problem('unknown-key', { severity: 'warning', path: `topics.${name}`, message, fix }), at);
  }
}
