/** Reads what is committed on a whole topic: from brokers that run, or from a stopped data directory by starting the broker on it once more. */

import { createHash } from 'node:crypto';
import { systemClock } from '../../core/base/clock.ts';
import { silentLogger } from '../../core/base/logger.ts';
import { nodeDisk } from '../../core/base/node-disk.ts';
import { connectCluster, createFetcher, topicEnds } from '../../core/client/index.ts';
import { startBroker } from '../../core/index.ts';
import { RecordCursor } from '../../core/protocol/record-cursor.ts';

export interface PartitionContent {
  readonly partition: number;
  readonly records: number;
  /** SHA-256 over every value followed by a newline, in offset order. */
  readonly digest: string;
}

const newline = Buffer.from('\n');

/** As `readTopicAt`, from a data directory. */
export async function readTopic(
  dataDir: string,
  topic: string,
  onValue: (value: Buffer, offset: number) => void,
): Promise<PartitionContent[]> {
  const logger = silentLogger;
  const listen = { host: '127.0.0.1', port: 0 };
  const broker = await startBroker({
    listen,
    dataDir,
    durability: 'default',
    disk: nodeDisk,
    clock: systemClock,
    logger,
  });
  try {
    return await readTopicAt([`127.0.0.1:${broker.port}`], topic, onValue);
  } finally {
    await broker.close();
  }
}

/** Calls `onValue` for every committed value in offset order per partition, and answers with a digest per partition. */
export async function readTopicAt(
  bootstrapServers: readonly string[],
  topic: string,
  onValue: (value: Buffer, offset: number) => void,
): Promise<PartitionContent[]> {
  const cluster = connectCluster({ bootstrapServers, clientId: 'oracle', clock: systemClock, logger: silentLogger });
  const fetcher = createFetcher(cluster, { isolation: 'read_committed' });
  try {
    // The very end, so that a transaction that was left open is waited for.
    const ends = await topicEnds(cluster, topic);
    const left = new Map(ends.filter(({ offset }) => offset > 0).map(({ partition, offset }) => [partition, offset]));
    const contents = new Map(ends.map(({ partition }) => [partition, { hash: createHash('sha256'), records: 0 }]));
    fetcher.assign([...left.keys()].map((partition) => ({ topic, partition, offset: 'earliest' as const })));
    while (left.size > 0) {
      for (const { partition, records, fetchOffset, nextOffset } of await fetcher.next()) {
        const content = contents.get(partition);
        const cursor = new RecordCursor({ topic, partition });
        cursor.reset(records, fetchOffset);
        while (content !== undefined && cursor.next()) {
          const value = cursor.bytes.subarray(cursor.valueStart, cursor.valueEnd);
          content.hash.update(value).update(newline);
          content.records += 1;
          onValue(value, cursor.offset);
        }
        if (nextOffset >= (left.get(partition) ?? 0)) left.delete(partition);
      }
    }
    return [...contents].map(([partition, { hash, records }]) => ({ partition, records, digest: hash.digest('hex') }));
  } finally {
    fetcher.close();
    cluster.close();
  }
}
