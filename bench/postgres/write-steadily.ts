/**
 * Writes changes at a steady rate, in a thread of its own: small transactions, each due at its time and written by the
 * connection that is free. A row tells when the statement that inserts and commits it was given to the driver.
 */

import { setTimeout as sleep } from 'node:timers/promises';
import { parentPort, workerData } from 'node:worker_threads';
import pg from 'pg';

export interface SteadyWork {
  readonly url: string;
  readonly changesPerSecond: number;
  readonly changesPerTransaction: number;
  readonly seconds: number;
}

export interface SteadyResult {
  /** Milliseconds from giving a statement to the driver until it was answered as committed, in the order of writing. */
  readonly answeredMs: Float64Array;
  /** Changes that were written. */
  readonly changes: number;
}

const connectionCount = 4;

async function write({ url, changesPerSecond, changesPerTransaction, seconds }: SteadyWork): Promise<SteadyResult> {
  const clients = Array.from({ length: connectionCount }, () => new pg.Client(url));
  await Promise.all(clients.map((client) => client.connect()));
  const perSecond = changesPerSecond / changesPerTransaction;
  const total = Math.floor(perSecond * seconds);
  const answeredMs = new Float64Array(total);
  const statement = {
    name: 'write',
    text: 'INSERT INTO ticks (sent_ns, note) SELECT $1, $2 FROM generate_series(1, $3)',
  };
  const note = 'n'.repeat(150);
  const insert = async (client: pg.Client, index: number) => {
    const sentNs = process.hrtime.bigint();
    await client.query({ ...statement, values: [sentNs, note, changesPerTransaction] });
    answeredMs[index] = Number(process.hrtime.bigint() - sentNs) / 1e6;
  };
  const startedMs = performance.now();
  let next = 0;
  const writeDue = async (client: pg.Client) => {
    while (next < total) {
      const isDue = performance.now() - startedMs >= (next / perSecond) * 1000;
      if (isDue) await insert(client, next++);
      else await sleep(1);
    }
  };
  await Promise.all(clients.map(writeDue));
  await Promise.all(clients.map((client) => client.end()));
  return { answeredMs, changes: total * changesPerTransaction };
}

parentPort?.postMessage(await write(workerData as SteadyWork));
