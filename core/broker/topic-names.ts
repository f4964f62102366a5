/** Which topic names are allowed, as in Kafka: 1 to 249 of letters, digits, '.', '_' and '-'. */

const maxNameLength = 249;

export const offsetsTopic = '__consumer_offsets';

export const transactionsTopic = '__transaction_state';

const internalTopics: ReadonlySet<string> = new Set([offsetsTopic, transactionsTopic]);

/** Clients may read them and not write to them. */
export function isInternalTopic(name: string): boolean {
  return internalTopics.has(name);
}

/** Why the name is not allowed, or undefined. */
export function topicNameProblem(name: string): string | undefined {
  if (name === '') return 'a topic name cannot be empty';
  if (name === '.' || name === '..') return `a topic cannot be named "${name}"`;
  if (name.length > maxNameLength)
    return `a topic name has at most ${maxNameLength} characters, this one ${name.length}`;
  if (!/^[a-zA-Z0-9._-]+$/.test(name)) {
    return `the topic name "${name}" may contain only letters, digits, '.', '_' and '-'`;
  }
  return undefined;
}

/** Names that differ only in '.' and '_' become the same metric name; Kafka refuses the second one. */
export function collisionKey(name: string): string {
  return name.replaceAll('.', '_');
}
