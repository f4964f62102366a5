/** Compiles `topics:` and adds the pipeline’s own topic where it is not declared. */

import { topicComplaint } from '../fields/kinds.ts';
import { splitList } from '../fields/lists.ts';
import { formatBytes } from '../fields/units.ts';
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
  readonly source: PlacedConnector | undefined;
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
  warnAboutUnused(declared, usedTopics(input), input.problems);
  const written = input.source?.config['topic'];
  if (written !== undefined) {
    const topic = topics.get(written) ?? plainTopic(written);
    topics.set(written, withRoomForRecords(topic, declared.get(written), input));
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

/** undefined when a sink reads by pattern, so that any topic may be used. */
function usedTopics({ source, sinks }: TopicsInput): Set<string> | undefined {
  const configs = [...(source === undefined ? [] : [source]), ...sinks].map((each) => each.config);
  if (configs.some((config) => config['topics.regex'] !== undefined)) return undefined;
  const read = configs.flatMap((config) => splitList(config['topics'] ?? ''));
  const deadLetters = configs.flatMap((config) => config[deadLetterTopic] ?? []);
  return new Set([...(source === undefined ? [] : [source.config['topic']!]), ...read, ...deadLetters]);
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
