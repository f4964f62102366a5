/** The whole run: topics, processes, faults, the drain behind them, and the judgement. */

import { setTimeout as sleep } from 'node:timers/promises';
import { describeError } from '../../../../core/base/errors.ts';
import { fetchGroupOffsets } from '../../../../core/client/group-offsets.ts';
import { openAdmin, topicEnds } from '../../../../core/client/index.ts';
import type { Anomaly, AnomalyKind } from '../anomaly.ts';
import type { BrokerUnderFire } from '../brokers/broker-under-fire.ts';
import { check } from '../check.ts';
import { coreClient } from '../clients/core-client.ts';
import { kafkajsClient } from '../clients/kafkajs-client.ts';
import { type History, Recorder } from '../history.ts';
import { type FaultKind, planFaults } from './plan.ts';
import {
  inputTopic,
  readAll,
  runAuditor,
  runPlainWriter,
  runReader,
  runTransactionalWriter,
  transactionTimeoutMs,
  type World,
} from './processes.ts';
import { openCluster, readToEnds } from './reader.ts';
import { runMember, runTakeovers, type Transform } from './transformers.ts';

export interface WorkloadOptions {
  readonly seed: number;
  readonly seconds: number;
  readonly faults: readonly FaultKind[];
  /** Between two faults, on average. */
  readonly meanGapMs?: number;
  readonly hasTransactions?: boolean;
  readonly partitionCount?: number;
  readonly onProgress?: (text: string) => void;
  /** What was written down, before it is judged. */
  readonly onHistory?: (history: History) => void;
}

export interface WorkloadReport {
  readonly seed: number;
  readonly operations: Readonly<Record<string, number>>;
  readonly acknowledgedRecords: number;
  readonly readRecords: number;
  readonly faults: Readonly<Record<string, number>>;
  readonly failures: Readonly<Record<string, number>>;
  readonly anomalies: Readonly<Partial<Record<AnomalyKind, number>>>;
  /** At most a handful of each kind. */
  readonly examples: readonly string[];
}

const outputs = { takeovers: 'y', members: 'z' } as const;
const examplesPerKind = 4;
const readMs = 30_000;

export const isClean = ({ anomalies }: WorkloadReport) => Object.keys(anomalies).length === 0;

export async function runWorkload(broker: BrokerUnderFire, options: WorkloadOptions): Promise<WorkloadReport> {
  const { seed, hasTransactions = true, partitionCount = 3 } = options;
  const stopping = new AbortController();
  const world: World = {
    ...{ seed, recorder: new Recorder(), bootstrapServers: broker.bootstrapServers },
    ...{ shape: { partitionCount }, stopping: stopping.signal, failures: new Map() },
  };
  const topics = hasTransactions ? [inputTopic, ...Object.values(outputs)] : [inputTopic];
  await createTopics(world, topics, broker.segmentBytes);
  const writing = startWriters(world, topics, hasTransactions);
  const transformersStop = new AbortController();
  const transforming = hasTransactions ? startTransformers(world, transformersStop.signal) : [];
  const inflicted = await inflict(broker, options);
  stopping.abort();
  await Promise.all(writing);
  options.onProgress?.('draining');
  // First of all the input: behind a transaction that nobody has ended yet lie records that no transformer can see, and
  // that would count as passed over if the transformers stopped before they come.
  const stuck = await nothingOpen(world, [inputTopic]);
  if (hasTransactions) stuck.push(...(await drained(world)));
  transformersStop.abort(new Error('the run is over'));
  await Promise.all(transforming);
  stuck.push(...(await nothingOpen(world, topics)));
  await readAll(world, topics, readMs);
  options.onHistory?.(world.recorder.operations);
  const drains = hasTransactions
    ? [...Array(partitionCount).keys()].map((partition) => `${inputTopic}-${partition}`)
    : [];
  const anomalies = check(world.recorder.operations, {
    drained: new Map(drains.map((name) => [name, Object.values(outputs)])),
  });
  return summarize(world, inflicted, [...stuck, ...anomalies]);
}

async function createTopics(world: World, topics: readonly string[], segmentBytes: number): Promise<void> {
  const cluster = openCluster(world.bootstrapServers, 'checker-topics');
  const admin = openAdmin(cluster);
  try {
    // A stepped clock of the broker must not refuse what clients send by theirs.
    const config = { 'segment.bytes': String(segmentBytes), 'message.timestamp.after.max.ms': '9223372036854775807' };
    await admin.ensureTopics(topics.map((topic) => ({ topic, partitions: world.shape.partitionCount, config })));
  } finally {
    await admin.close();
    cluster.close();
  }
}

function startWriters(world: World, topics: readonly string[], hasTransactions: boolean): Promise<void>[] {
  const clients = [kafkajsClient(world.bootstrapServers), coreClient(world.bootstrapServers)];
  return [
    ...clients.map((client) => runPlainWriter(world, client, `plain-${client.name}`)),
    ...(hasTransactions ? clients.map((client) => runTransactionalWriter(world, client, `tx-${client.name}`)) : []),
    runReader(world, 'reader-a'),
    runReader(world, 'reader-b'),
    runAuditor(world, topics),
  ];
}

function startTransformers(world: World, stop: AbortSignal): Promise<void>[] {
  const { takeovers, members } = transformsOf(world);
  const partitions = [...Array(world.shape.partitionCount).keys()];
  return [
    ...partitions.map((partition) => runTakeovers(world, takeovers, partition, stop)),
    ...['member-a', 'member-b'].map((name) => runMember(world, members, name, stop)),
  ];
}

function transformsOf({ bootstrapServers }: World): Record<keyof typeof outputs, Transform> {
  return {
    takeovers: { client: kafkajsClient(bootstrapServers), groupId: 'takeovers', outputTopic: outputs.takeovers },
    members: { client: coreClient(bootstrapServers), groupId: 'members', outputTopic: outputs.members },
  };
}

async function inflict(broker: BrokerUnderFire, options: WorkloadOptions): Promise<Record<string, number>> {
  const inflicted: Record<string, number> = {};
  const startedMs = performance.now();
  const lengthMs = options.seconds * 1000;
  for (const { kind, afterMs, measure } of planFaults(
    options.seed,
    options.faults,
    lengthMs,
    options.meanGapMs ?? 1_500,
  )) {
    await sleep(afterMs);
    const fault = broker.faults[kind];
    if (fault === undefined) throw new Error(`this broker cannot be made to suffer from ${kind}`);
    options.onProgress?.(`${Math.round((performance.now() - startedMs) / 1000)} s: ${kind}`);
    await fault(measure);
    inflicted[kind] = (inflicted[kind] ?? 0) + 1;
    if (performance.now() - startedMs > lengthMs) break;
  }
  await sleep(Math.max(lengthMs - (performance.now() - startedMs), 0));
  return inflicted;
}

/** Resolves when every record of the input was transformed, by what the groups have committed. */
async function drained(world: World): Promise<Anomaly[]> {
  const cluster = openCluster(world.bootstrapServers, 'checker-drain');
  try {
    return await until(async () => {
      const polls = await readToEnds(world.bootstrapServers, [inputTopic], readMs);
      const behind: string[] = [];
      for (const groupId of Object.keys(outputs)) {
        const committed = await fetchGroupOffsets(cluster, groupId);
        for (const { partition, records } of polls) {
          const own = committed.find((position) => `${position.topic}-${position.partition}` === partition);
          const last = records.at(-1)?.offset ?? -1;
          if (last >= (own?.offset ?? 0)) behind.push(`${groupId} in ${partition} at ${own?.offset} of ${last}`);
        }
      }
      return behind;
    });
  } finally {
    cluster.close();
  }
}

/** Resolves when readers of committed records get to the very end of every partition: no transaction is open. */
async function nothingOpen(world: World, topics: readonly string[]): Promise<Anomaly[]> {
  const cluster = openCluster(world.bootstrapServers, 'checker-ends');
  try {
    return await until(async () => {
      const open: string[] = [];
      for (const topic of topics) {
        const stable = await topicEnds(cluster, topic, { isolation: 'read_committed' });
        const ends = await topicEnds(cluster, topic);
        for (const [index, { partition, offset }] of ends.entries()) {
          const stableOffset = stable[index]!.offset;
          if (stableOffset !== offset) open.push(`transactions are open in ${topic}-${partition} ${stableOffset}`);
        }
      }
      return open;
    });
  } finally {
    cluster.close();
  }
}

/** Looks again until nothing is in the way; what still is after longer than a broker needs to end a forgotten transaction is stuck. */
async function until(look: () => Promise<readonly string[]>): Promise<Anomaly[]> {
  const deadlineMs = performance.now() + transactionTimeoutMs + 50_000;
  for (;;) {
    // The broker may say that a group's offsets are part of an open transaction.
    const inTheWay = await look().catch((error: unknown) => [describeError(error)]);
    if (inTheWay.length === 0) return [];
    if (performance.now() > deadlineMs) return inTheWay.map((message) => ({ kind: 'stuck', message }));
    await sleep(200);
  }
}

function summarize(world: World, faults: Record<string, number>, anomalies: readonly Anomaly[]): WorkloadReport {
  const history: History = world.recorder.operations;
  const operations: Record<string, number> = {};
  for (const { kind, outcome } of history) {
    const name = `${kind} ${outcome}`;
    operations[name] = (operations[name] ?? 0) + 1;
  }
  const byKind = Map.groupBy(anomalies, ({ kind }) => kind);
  const acknowledged = history.filter(({ outcome }) => outcome === 'ok').flatMap(({ sends }) => sends);
  return {
    seed: world.seed,
    operations,
    acknowledgedRecords: acknowledged.length,
    readRecords: history.flatMap(({ polls }) => polls).reduce((sum, { records }) => sum + records.length, 0),
    faults,
    failures: Object.fromEntries([...world.failures].sort(([, a], [, b]) => b - a)),
    anomalies: Object.fromEntries([...byKind].map(([kind, list]) => [kind, list.length])),
    examples: [...byKind.values()]
      .flatMap((list) => list.slice(0, examplesPerKind))
      .map(({ kind, message }) => `${kind}: ${message}`),
  };
}
