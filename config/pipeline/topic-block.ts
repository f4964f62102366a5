/** Compiles `topics:` and adds the pipeline’s own topic where it is not declared. */

import { topicComplaint } from '../fields/kinds.ts';
import { splitList } from '../fields/lists.ts';
import { formatBytes } from '../fields/units.ts';
import { didYouMean } from '../nearest.ts';
import { problem } from '../problem.ts';
import { type SourceTopics, shownTopics, writesTo } from '../source-topics.ts';
import { matchesWhole } from '../whole-match.ts';
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
  readonly source: PlacedConnector | undefined;
  /** Where its records go, or those of the topic that stands in its place. */
  readonly written: SourceTopics;
  readonly sinks: readonly PlacedConnector[];
  readonly problems: FileProblems;
}

export interface TopicsResult {
  readonly topics: readonly CompiledTopic[];
  readonly declared: ReadonlyMap<string, Place>;
}

const messageLimit = 'max.message.bytes';
const deadLetterTopic = 'errors.deadletterqueue.topic.name';

export function compileTopics(input: TopicsInput): TopicsResult {
  const declared = new Map<string, Place>();
  const topics = new Map<string, CompiledTopic>();
  for (const entry of topicEntries(input)) {
    declared.set(entry.key, entry.at);
    const topic = compileTopic(entry, input.problems);
    if (topic !== undefined) topics.set(entry.key, topic);
  }
  warnAboutUnused(declared, input);
  for (const name of input.source?.writes?.names ?? []) {
    const topic = topics.get(name) ?? plainTopic(name);
    topics.set(name, withRoomForRecords(topic, declared.get(name), input));
  }
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

/** What brokers take in one batch unless told otherwise (Kafka's default of `max.message.bytes`). */
const usualMessageBytes = 1_048_588;

/** Room for the key, the headers and the header of the batch around the largest value. */
const aroundRecordBytes = 65_536;

/** The topic with a `max.message.bytes` that lets every record of the source in; a smaller one that was declared is reported. */
function withRoomForRecords(
  topic: CompiledTopic,
  declaredAt: Place | undefined,
  { source, problems }: TopicsInput,
): CompiledTopic {
  const largest = source?.largestRecordBytes ?? 0;
  const needed = largest + aroundRecordBytes;
  const given = topic.config[messageLimit];
  if (given === undefined && needed <= usualMessageBytes) return topic;
  if (given === undefined) return { ...topic, config: { ...topic.config, [messageLimit]: String(needed) } };
  if (largest > 0 && Number(given) < needed) {
    const message = `the source may write records of ${formatBytes(largest)}, which the topic would refuse`;
    const fix = `Write ${needed} or more, or limit the records of the source.`;
    problems.add(problem('conflict', { path: `topics.${topic.name}.${messageLimit}`, message, fix }), declaredAt);
  }
  return topic;
}

function warnAboutUnused(
  declared: ReadonlyMap<string, Place>,
  { source, written, sinks, problems }: TopicsInput,
): void {
  if (problems.errorCount > 0) return;
  const configs = [...(source === undefined ? [] : [source]), ...sinks].map((each) => each.config);
  const patterns = configs.flatMap((config) => config['topics.regex'] ?? []).map((text) => new RegExp(text, 'u'));
  const named = new Set([
    ...(source === undefined ? [] : written.names),
    ...configs.flatMap((config) => splitList(config['topics'] ?? '')),
    ...configs.flatMap((config) => config[deadLetterTopic] ?? []),
  ]);
  for (const [name, at] of declared) {
    const isWritten = source !== undefined && writesTo(written, name);
    if (named.has(name) || isWritten || patterns.some((pattern) => matchesWhole(pattern, name))) continue;
    const used = [...new Set([...shownTopics(written), ...named])].join(', ');
    const fix = didYouMean(name, named) ?? `Remove it, or name it in the source or a sink; used here: ${used}.`;
    const message = 'nothing in this pipeline uses this topic';
    problems.add(problem('unknown-key', { severity: 'warning', path: `topics.${name}`, message, fix }), at);
  }
}
