/** Reads committed records of some partitions from any offset, over the client of the product. */

import { systemClock } from '../../../../core/base/clock.ts';
import { silentLogger } from '../../../../core/base/logger.ts';
import { type Cluster, connectCluster, createFetcher, type Fetcher, topicEnds } from '../../../../core/client/index.ts';
import { RecordCursor } from '../../../../core/protocol/record-cursor.ts';
import type { Position } from '../clients/log-client.ts';
import type { Poll, SeenRecord } from '../history.ts';

export function openCluster(bootstrapServers: readonly string[], clientId: string): Cluster {
  return connectCluster({
    bootstrapServers,
    clientId,
    clock: systemClock,
    logger: silentLogger,
    limits: { connectTimeoutMs: 1_000, requestTimeoutMs: 8_000, giveUpAfterMs: 10_000 },
  });
}

export class Reader {
  readonly cluster: Cluster;
  readonly #fetcher: Fetcher;

  constructor(bootstrapServers: readonly string[], clientId: string) {
    this.cluster = openCluster(bootstrapServers, clientId);
    this.#fetcher = createFetcher(this.cluster, {
      isolation: 'read_committed',
      maxWaitMs: 100,
      partitionMaxBytes: 65_536,
    });
  }

  assign(positions: readonly Position[]): void {
    this.#fetcher.assign(positions);
  }

  /** What came within about `waitMs`, maybe nothing. */
  async poll(waitMs: number): Promise<Poll[]> {
    const stop = new AbortController();
    const timer = setTimeout(() => stop.abort(new NothingCame()), waitMs);
    try {
      return (await this.#fetcher.next(stop.signal)).map(asPoll);
    } catch (error) {
      if (error instanceof NothingCame) return [];
      throw error;
    } finally {
      clearTimeout(timer);
    }
  }

  close(): void {
    this.#fetcher.close();
    this.cluster.close();
  }
}

class NothingCame extends Error {}

function asPoll(fetched: Awaited<ReturnType<Fetcher['next']>>[number]): Poll {
  const { topic, partition, fetchOffset, nextOffset, records } = fetched;
  const cursor = new RecordCursor({ topic, partition });
  const seen: SeenRecord[] = [];
  cursor.reset(records, fetchOffset);
  while (cursor.next())
    seen.push({ offset: cursor.offset, value: cursor.bytes.toString('utf8', cursor.valueStart, cursor.valueEnd) });
  fetched.release();
  return { partition: `${topic}-${partition}`, fromOffset: fetchOffset, toOffset: nextOffset, records: seen };
}

/**
 * Everything of the topics from `from` on that a reader of committed records may see at the call. Rejects when that does
 * not come within `timeoutMs`.
 */
export async function readToEnds(
  bootstrapServers: readonly string[],
  topics: readonly string[],
  timeoutMs: number,
): Promise<Poll[]> {
  const reader = new Reader(bootstrapServers, 'checker-read-all');
  try {
    const ends = (
      await Promise.all(topics.map((topic) => topicEnds(reader.cluster, topic, { isolation: 'read_committed' })))
    ).flat();
    const open = new Map(ends.map(({ topic, partition, offset }) => [`${topic}-${partition}`, offset]));
    const polls = new Map(
      [...open.keys()].map((partition) => [partition, { toOffset: 0, records: [] as SeenRecord[] }]),
    );
    reader.assign(ends.map(({ topic, partition }) => ({ topic, partition, offset: 0 })));
    const deadlineMs = performance.now() + timeoutMs;
    const isBehind = () => [...open].some(([partition, end]) => polls.get(partition)!.toOffset < end);
    while (isBehind()) {
      if (performance.now() > deadlineMs) throw new Error(`not read to the end: ${JSON.stringify([...open])}`);
      for (const { partition, toOffset, records } of await reader.poll(200)) {
        const poll = polls.get(partition)!;
        poll.toOffset = toOffset;
        poll.records.push(...records);
      }
    }
    return [...polls].map(([partition, poll]) => ({ partition, fromOffset: 0, ...poll }));
  } finally {
    reader.close();
  }
}
