/** The partitions of a data directory by `topic-partition`, and by topic: what concerns one topic must not walk ten thousand others. */

import type { LogParts } from './log-parts.ts';

export class PartitionMap extends Map<string, LogParts> {
  readonly #byTopic = new Map<string, Set<LogParts>>();

  override set(name: string, parts: LogParts): this {
    this.delete(name);
    const { topic } = parts.state;
    this.#byTopic.set(topic, this.ofTopic(topic).add(parts));
    return super.set(name, parts);
  }

  override delete(name: string): boolean {
    const parts = this.get(name);
    if (parts === undefined) return false;
    const others = this.ofTopic(parts.state.topic);
    others.delete(parts);
    if (others.size === 0) this.#byTopic.delete(parts.state.topic);
    return super.delete(name);
  }

  ofTopic(topic: string): Set<LogParts> {
    return this.#byTopic.get(topic) ?? new Set();
  }
}
