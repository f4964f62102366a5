/** Rows that say when they were written, a steady number a second, and the reader that knows how long each took to its topic. */

import { Worker } from 'node:worker_threads';
import { createFetcher } from '../../core/client/index.ts';
import { RecordCursor } from '../../core/protocol/record-cursor.ts';
import type { PostgresServer } from '../../test/kits/postgres-server.ts';
import { connectTo, type Follower } from './follower.ts';
import type { SteadyResult, SteadyWork } from './write-steadily.ts';

export const ticksTable = 'public.ticks';

export function createTicks(server: PostgresServer): Promise<unknown> {
  return server.query('CREATE TABLE ticks (id bigserial PRIMARY KEY, sent_ns bigint, note text)');
}

export function writeSteadily(work: SteadyWork): Promise<SteadyResult> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL('./write-steadily.ts', import.meta.url), { workerData: work });
    worker.once('message', resolve);
    worker.once('error', reject);
  });
}

/** Reads the topic as it grows; answers how long each change took, in the order of writing. */
export function readTicks(follower: Follower): { readonly readableMs: number[]; close(): void } {
  const cluster = connectTo(follower);
  const fetcher = createFetcher(cluster, { isolation: 'read_committed' });
  fetcher.assign([{ topic: follower.topicOf(ticksTable), partition: 0, offset: 'earliest' }]);
  const readableMs: number[] = [];
  const cursor = new RecordCursor({ checkCrcs: false });
  const read = async () => {
    for (;;) {
      for (const { records, fetchOffset, release } of await fetcher.next()) {
        const nowNs = process.hrtime.bigint();
        cursor.reset(records, fetchOffset);
        while (cursor.next()) readableMs.push(Number(nowNs - sentNsOf(cursor)) / 1e6);
        release();
      }
    }
  };
  let isClosed = false;
  read().catch((error: unknown) => {
    if (!isClosed) throw error;
  });
  return {
    readableMs,
    close() {
      isClosed = true;
      fetcher.close();
      cluster.close();
    },
  };
}

const field = '"sent_ns":';

/** The number stands in the row behind its name: parsing whole records would take the machine from those who are measured. */
function sentNsOf({ bytes, valueStart, valueEnd }: RecordCursor): bigint {
  const at = bytes.indexOf(field, valueStart) + field.length;
  return BigInt(bytes.toString('latin1', at, Math.min(bytes.indexOf(',', at), valueEnd)));
}
