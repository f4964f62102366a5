/** `millrace topics`: what topics there are, and what is in one. */

import { once } from 'node:events';
import { systemClock } from '../core/base/clock.ts';
import { silentLogger } from '../core/base/logger.ts';
import {
  type Cluster,
  connectCluster,
  createFetcher,
  earliestOffset,
  type FetchedPartition,
  type Isolation,
  latestOffset,
  listOffsets,
  openAdmin,
} from '../core/client/index.ts';
import { RecordCursor } from '../core/protocol/record-cursor.ts';
import { cliErrors } from './error-codes.ts';
import { type ExitCode, exitCodes } from './exit-codes.ts';
import { renderRecord } from './record-text.ts';
import { onStopSignal } from './signals.ts';
import { renderTable } from './table.ts';

export interface ListOptions {
  readonly bootstrap: string;
  readonly internal: boolean;
  readonly json: boolean;
}

export interface ConsumeOptions {
  readonly bootstrap: string;
  readonly topic: string;
  readonly from: string;
  readonly partition?: string | undefined;
  readonly max?: string | undefined;
  readonly follow: boolean;
  readonly json: boolean;
}

/** Topics the platform and the broker keep their own state in. */
const internalTopics = /^(__|millrace-(configs|offsets|status)$)/;
const unreachableAfterMs = 5_000;

function connect(bootstrap: string): Cluster {
  return connectCluster({
    bootstrapServers: bootstrap.split(','),
    clientId: 'millrace-cli',
    clock: systemClock,
    logger: silentLogger,
    limits: { giveUpAfterMs: unreachableAfterMs, connectTimeoutMs: unreachableAfterMs },
  });
}

export async function listTopics({ bootstrap, internal, json }: ListOptions): Promise<ExitCode> {
  const cluster = connect(bootstrap);
  const admin = openAdmin(cluster);
  try {
    await cluster.clusterId(); // gives up within our limit when nobody is there; the administration waits longer
    const names = (await admin.listTopics()).filter((topic) => internal || !internalTopics.test(topic)).sort();
    const rows = await Promise.all(names.map((topic) => sizeOf(cluster, topic)));
    if (json) process.stdout.write(`${JSON.stringify(rows, null, 2)}\n`);
    else if (rows.length === 0) process.stdout.write('no topics\n');
    else
      process.stdout.write(
        `${renderTable(
          ['TOPIC', 'PARTITIONS', 'OFFSETS'],
          rows.map(({ topic, partitions, offsets }) => [topic, String(partitions), String(offsets)]),
        )}\n`,
      );
    return exitCodes.ok;
  } finally {
    await admin.close();
    cluster.close();
  }
}

/** `offsets` is the distance between first and next offset, summed: the records there are, but for compacted ones. */
async function sizeOf(
  cluster: Cluster,
  topic: string,
): Promise<{ topic: string; partitions: number; offsets: number }> {
  const partitions = await cluster.partitionCount(topic);
  const ends = await endsOf(cluster, topic, range(partitions));
  return { topic, partitions, offsets: ends.reduce((sum, { first, next }) => sum + next - first, 0) };
}

interface PartitionEnds {
  readonly partition: number;
  readonly first: number;
  readonly next: number;
}

async function endsOf(
  cluster: Cluster,
  topic: string,
  partitions: readonly number[],
  isolation?: Isolation,
): Promise<PartitionEnds[]> {
  const at = (timestampMs: number) =>
    listOffsets(
      cluster,
      partitions.map((partition) => ({ topic, partition, timestampMs })),
      isolation === undefined ? {} : { isolation },
    );
  const [firsts, nexts] = await Promise.all([at(earliestOffset), at(latestOffset)]);
  return partitions.map((partition, i) => ({ partition, first: firsts[i]?.offset ?? 0, next: nexts[i]?.offset ?? 0 }));
}

export async function consumeTopic(options: ConsumeOptions): Promise<ExitCode> {
  const max = options.max === undefined ? Number.POSITIVE_INFINITY : wholeNumber(options.max, '--max');
  const stopping = new AbortController();
  const stop = onStopSignal(() => stopping.abort());
  process.stdout.once('error', () => stopping.abort()); // nobody reads any more
  const cluster = connect(options.bootstrap);
  try {
    const count = await cluster.partitionCount(options.topic, stopping.signal);
    const partitions = options.partition === undefined ? range(count) : [partitionIn(options, count)];
    // What a transaction is still writing is not waited for.
    const ends = await endsOf(cluster, options.topic, partitions, 'read_committed');
    await printRecords(cluster, options, ends, max, stopping.signal);
    return exitCodes.ok;
  } catch (error) {
    if (stopping.signal.aborted) return exitCodes.ok;
    throw error;
  } finally {
    stop.dispose();
    cluster.close();
  }
}

/** Prints until the offsets that were the ends when it was called, or, with `follow`, until it is stopped. */
async function printRecords(
  cluster: Cluster,
  options: ConsumeOptions,
  ends: readonly PartitionEnds[],
  max: number,
  signal: AbortSignal,
): Promise<void> {
  const { topic, json, follow } = options;
  const fetcher = createFetcher(cluster, { onOutOfRange: 'earliest', isolation: 'read_committed' });
  const waiting = new Map(ends.map((end) => [end.partition, end.next]));
  const starts = ends.map((end) => ({ topic, partition: end.partition, offset: startIn(options.from, end) }));
  if (!follow)
    for (const start of starts)
      if (start.offset >= (waiting.get(start.partition) ?? 0)) waiting.delete(start.partition);
  fetcher.assign(starts.filter(({ partition }) => follow || waiting.has(partition)));
  let left = max;
  try {
    while (left > 0 && waiting.size > 0) {
      for (const fetched of await fetcher.next(signal)) {
        left -= await printBatches(fetched, { json, max: left, signal });
        if (!follow && fetched.nextOffset >= (waiting.get(fetched.partition) ?? 0)) waiting.delete(fetched.partition);
      }
    }
  } finally {
    fetcher.close();
  }
}

/** Returns how many records it printed, at most `max`; at the pace of whoever reads. */
async function printBatches(
  { topic, partition, records, fetchOffset }: FetchedPartition,
  { json, max, signal }: { json: boolean; max: number; signal: AbortSignal },
): Promise<number> {
  const cursor = new RecordCursor({ topic, partition });
  cursor.reset(records, fetchOffset);
  let count = 0;
  let text = '';
  while (count < max && cursor.next()) {
    text += `${renderRecord(cursor, json)}\n`;
    count += 1;
  }
  if (!process.stdout.write(text)) await once(process.stdout, 'drain', { signal });
  return count;
}

function startIn(from: string, { first, next }: PartitionEnds): number {
  if (from === 'beginning') return first;
  if (from === 'end') return next;
  return Math.max(first, wholeNumber(from, '--from'));
}

function partitionIn({ partition = '', topic }: ConsumeOptions, count: number): number {
  const index = wholeNumber(partition, '--partition');
  if (index < count) return index;
  throw cliErrors.error('usage', {
    message: `topic ${topic} has ${count} partitions, there is no partition ${index}`,
    where: '--partition',
    fix: `Name one from 0 to ${count - 1}, or leave the option out.`,
  });
}

function wholeNumber(text: string, option: string): number {
  if (/^\d+$/.test(text)) return Number(text);
  throw cliErrors.error('usage', { message: `"${text}" is not a whole number`, where: option });
}

function range(count: number): number[] {
  return Array.from({ length: count }, (_, index) => index);
}
