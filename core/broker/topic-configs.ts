/** The settings a topic can have: Kafka's names, types and defaults, how they are checked and what the log makes of them. */

import { defaultLogConfig, type LogConfig } from '../log/log-config.ts';

export type ConfigType = 'boolean' | 'string' | 'int' | 'long' | 'double' | 'list';

export interface TopicConfigSpec {
  readonly name: string;
  readonly type: ConfigType;
  readonly defaultValue: string;
  readonly doc: string;
  /** Why the value is not allowed, or undefined. */
  problem(value: string): string | undefined;
}

export type TopicConfigs = Readonly<Record<string, string>>;

const maxInt = 2_147_483_647n;
/** Kafka's "for ever" is the largest long; what is beyond the exact numbers of JavaScript means the same. */
const maxLong = 9_223_372_036_854_775_807n;

function whole(type: 'int' | 'long', min: bigint, max = type === 'int' ? maxInt : maxLong) {
  return (value: string): string | undefined => {
    if (!/^-?\d{1,19}$/.test(value.trim())) return 'must be a whole number';
    const number = BigInt(value.trim());
    return number < min || number > max ? `must be between ${min} and ${max}` : undefined;
  };
}

function oneOf(...allowed: readonly string[]) {
  return (value: string) => (allowed.includes(value) ? undefined : `must be one of ${allowed.join(', ')}`);
}

const ratio = (value: string) => {
  const number = value.trim() === '' ? Number.NaN : Number(value);
  return number >= 0 && number <= 1 ? undefined : 'must be a number between 0 and 1';
};

const cleanupPolicies = (value: string) => {
  const policies = splitList(value);
  const isKnown = policies.every((policy) => policy === 'delete' || policy === 'compact');
  return policies.length > 0 && isKnown ? undefined : 'must be delete, compact or both, separated by a comma';
};

const singleReplica = (value: string) =>
  whole('int', 1n)(value) ??
  (value.trim() === '1' ? undefined : 'must be 1: there is one replica, and what it acknowledges is synced to disk');

const spec = (
  name: string,
  type: ConfigType,
  { value, check, doc }: { value: string; check: (value: string) => string | undefined; doc: string },
): TopicConfigSpec => ({ name, type, defaultValue: value, doc, problem: check });

const long = (name: string, value: number | string, min: bigint, doc: string) =>
  spec(name, 'long', { value: String(value), check: whole('long', min), doc });
const int = (name: string, value: number | string, min: bigint, doc: string) =>
  spec(name, 'int', { value: String(value), check: whole('int', min), doc });

const d = defaultLogConfig;

export const topicConfigSpecs: readonly TopicConfigSpec[] = [
  spec('cleanup.policy', 'list', {
    value: 'delete',
    check: cleanupPolicies,
    doc: 'Drop old segments (delete), keep the last record of each key (compact), or both.',
  }),
  spec('compression.type', 'string', {
    value: 'producer',
    check: oneOf('producer'),
    doc: 'Batches are kept as the producer compressed them; this broker does not recompress.',
  }),
  long('delete.retention.ms', d.deleteRetentionMs, 0n, 'How long a tombstone stays readable in a compacted topic.'),
  long('file.delete.delay.ms', d.fileDeleteDelayMs, 0n, 'How long the file of a dropped segment stays.'),
  long(
    'flush.messages',
    maxLong.toString(),
    1n,
    'Has no effect: the durability mode of the broker decides when to sync.',
  ),
  long('flush.ms', maxLong.toString(), 0n, 'Has no effect: the durability mode of the broker decides when to sync.'),
  int('index.interval.bytes', d.indexIntervalBytes, 0n, 'Bytes of batches between two entries of the offset index.'),
  long('max.compaction.lag.ms', maxLong.toString(), 1n, 'An older record makes a compacted log due for cleaning.'),
  int('max.message.bytes', d.maxMessageBytes, 0n, 'The largest record batch accepted, header included.'),
  long('message.timestamp.after.max.ms', d.messageTimestampAfterMaxMs, 0n, 'How far a timestamp may lie ahead.'),
  long('message.timestamp.before.max.ms', maxLong.toString(), 0n, 'How far a timestamp may lie back.'),
  spec('message.timestamp.type', 'string', {
    value: d.messageTimestampType,
    check: oneOf('CreateTime', 'LogAppendTime'),
    doc: 'Whether records keep the time of the producer or get the time of the append.',
  }),
  spec('min.cleanable.dirty.ratio', 'double', {
    value: String(d.minCleanableDirtyRatio),
    check: ratio,
    doc: 'The share of never compacted bytes from which on a compacted log is cleaned.',
  }),
  long('min.compaction.lag.ms', d.minCompactionLagMs, 0n, 'Records younger than this are not compacted.'),
  spec('min.insync.replicas', 'int', {
    value: '1',
    check: singleReplica,
    doc: 'Replicas that must have a record before acks=all is answered.',
  }),
  spec('preallocate', 'boolean', { value: 'false', check: oneOf('true', 'false'), doc: 'Has no effect.' }),
  long('retention.bytes', d.retentionBytes, -1n, 'Bytes kept per partition; -1 is no limit.'),
  long('retention.ms', d.retentionMs, -1n, 'How long records are kept; -1 is for ever.'),
  int('segment.bytes', d.segmentBytes, 14n, 'The size at which a new segment file is started.'),
  int('segment.index.bytes', d.segmentIndexBytes, 4n, 'The index size at which a new segment file is started.'),
  long('segment.jitter.ms', 0, 0n, 'Has no effect.'),
  long('segment.ms', d.segmentMs, 1n, 'The age at which a new segment file is started.'),
  spec('unclean.leader.election.enable', 'boolean', {
    value: 'false',
    check: oneOf('true', 'false'),
    doc: 'Has no effect: there is one replica.',
  }),
];

const specsByName = new Map(topicConfigSpecs.map((config) => [config.name, config]));

/** The first thing that is wrong with the settings, or undefined. */
export function topicConfigsProblem(configs: TopicConfigs): string | undefined {
  for (const [name, value] of Object.entries(configs)) {
    const known = specsByName.get(name);
    if (known === undefined) return `unknown topic config name: ${name}`;
    const problem = known.problem(value);
    if (problem !== undefined) return `invalid value "${value}" for ${name}: ${problem}`;
  }
  return undefined;
}

export function splitList(value: string): string[] {
  return value
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '');
}

/** The settings must have passed `topicConfigsProblem`. */
export function logConfigOf(configs: TopicConfigs): LogConfig {
  const text = (name: string) => configs[name] ?? (specsByName.get(name) as TopicConfigSpec).defaultValue;
  const number = (name: string) => Math.min(Number(text(name)), Number.MAX_SAFE_INTEGER);
  const policies = splitList(text('cleanup.policy'));
  return {
    segmentBytes: number('segment.bytes'),
    segmentMs: number('segment.ms'),
    segmentIndexBytes: number('segment.index.bytes'),
    indexIntervalBytes: number('index.interval.bytes'),
    retentionMs: number('retention.ms'),
    retentionBytes: number('retention.bytes'),
    isCompacted: policies.includes('compact'),
    isDeleted: policies.includes('delete'),
    maxMessageBytes: number('max.message.bytes'),
    messageTimestampType: text('message.timestamp.type') === 'LogAppendTime' ? 'LogAppendTime' : 'CreateTime',
    messageTimestampBeforeMaxMs: number('message.timestamp.before.max.ms'),
    messageTimestampAfterMaxMs: number('message.timestamp.after.max.ms'),
    minCleanableDirtyRatio: number('min.cleanable.dirty.ratio'),
    minCompactionLagMs: number('min.compaction.lag.ms'),
    maxCompactionLagMs: number('max.compaction.lag.ms'),
    deleteRetentionMs: number('delete.retention.ms'),
    fileDeleteDelayMs: number('file.delete.delay.ms'),
  };
}
