/** Where the records of a source go: topics known by name, and families of topics that it makes when it comes to them. */

import { joinList } from './fields/lists.ts';
import { matchesWhole } from './whole-match.ts';

export interface SourceTopics {
  /** Made before the source starts. */
  readonly names: readonly string[];
  readonly families: readonly TopicFamily[];
  /** For records about the source itself, such as heartbeats: a sink reads them when it names them. */
  readonly aside: readonly string[];
}

export interface TopicFamily {
  /** Matches the whole names of its topics; undefined where any name is possible. */
  readonly pattern: string | undefined;
  /** As a person reads it: `shop.SCHEMA.TABLE`. */
  readonly shown: string;
}

export function oneTopic(name: string): SourceTopics {
  return { names: [name], families: [], aside: [] };
}

/** The topics as a person reads them. */
export function shownTopics({ names, families }: SourceTopics): string[] {
  return [...names, ...families.map((family) => family.shown)];
}

/** False when no record of the source goes to the topic. */
export function writesTo({ names, families, aside }: SourceTopics, topic: string): boolean {
  if (names.includes(topic) || aside.includes(topic)) return true;
  return families.some(({ pattern }) => pattern === undefined || matchesWhole(new RegExp(pattern, 'u'), topic));
}

/** The setting with which a sink reads all of them; undefined when they cannot be told from the topics of others. */
export function subscriptionTo({ names, families }: SourceTopics): Record<string, string> | undefined {
  if (families.length === 0) return { topics: joinList(names) };
  const patterns = families.map((family) => family.pattern);
  if (patterns.includes(undefined)) return undefined;
  return { 'topics.regex': [...names.map(literal), ...patterns].join('|') };
}

/** A pattern for exactly this name of a topic, or a part of one: of what may stand there only the dot means something else. */
export function literal(name: string): string {
  return name.replaceAll('.', '\\.');
}
