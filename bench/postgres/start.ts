/**
 * How long until changes flow: from the start of the process to the first change in its topic, with nothing there before (the
 * slot is made) and with a stored position to go on at. A row is written every few milliseconds meanwhile. Of Debezium it is the
 * worker that starts; Kafka runs already, while our broker starts with the rest.
 * `npm run bench -- postgres-start [--rounds 10] [--no-peers]`.
 */

import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { inFolder } from '../main-job/options.ts';
import { describeMachine, formatSpread, formatTable, sampleProcess } from '../measure.ts';
import { type DebeziumConnector, type DebeziumPeer, startDebeziumPeer } from '../peers/debezium.ts';
import { type Database, dropSlot, mark, marksTable, onDatabase, until } from './database.ts';
import { connectTo, type Follower, readableOffset } from './follower.ts';
import { launchMillrace } from './millrace.ts';

const { values } = parseArgs({
  options: { rounds: { type: 'string', default: '10' }, peers: { type: 'boolean', default: true } },
  allowNegative: true,
});

interface Start {
  readonly seconds: number;
  /** Of the process that started. */
  readonly cpuSeconds: number;
}

type Kind = 'cold start' | 'resume';

/** Writes marks until it is stopped. */
function keepMarking(database: Database): () => Promise<void> {
  let isStopped = false;
  const marking = (async () => {
    while (!isStopped) {
      await mark(database);
      await sleep(5);
    }
  })();
  return async () => {
    isStopped = true;
    await marking;
  };
}

const lookEveryMs = 5;
const longestLookMs = 100;

/** Each look is a client of its own: one that has failed waits before it tries again. Undefined while nobody answers. */
async function readableMarks(follower: Pick<Follower, 'bootstrapServers' | 'topicOf'>): Promise<number | undefined> {
  const cluster = connectTo(follower);
  try {
    return await readableOffset(cluster, follower.topicOf(marksTable), AbortSignal.timeout(longestLookMs));
  } catch {
    return undefined;
  } finally {
    cluster.close();
  }
}

/** Until there is more than what was there at the first look: brokers answer long before changes come. */
async function untilMoreIsReadable(follower: Follower, kind: Kind): Promise<void> {
  let before = kind === 'resume' ? undefined : 0;
  const isMore = async () => {
    const now = await readableMarks(follower);
    before ??= now;
    return now !== undefined && before !== undefined && now > before;
  };
  await until('a change is readable', isMore, lookEveryMs);
}

/** The second start goes on where the first was stopped. */
async function startMillrace(database: Database, folder: string, slotName: string): Promise<Record<Kind, Start>> {
  const home = join(folder, slotName);
  const launch = async (kind: Kind): Promise<Start> => {
    const startedMs = performance.now();
    const follower = await launchMillrace({ folder: home, database, slotName, settings: ['snapshot.mode: no_data'] });
    try {
      await untilMoreIsReadable(follower, kind);
      const seconds = (performance.now() - startedMs) / 1000;
      return { seconds, cpuSeconds: sampleProcess(follower.processes[0]?.pid ?? -1).cpuSeconds };
    } finally {
      await follower.stop();
    }
  };
  const starts = { 'cold start': await launch('cold start'), resume: await launch('resume') };
  await dropSlot(database, slotName);
  rmSync(home, { recursive: true });
  return starts;
}

async function startDebezium(database: Database, peer: DebeziumPeer, slotName: string): Promise<Record<Kind, Start>> {
  const settings = { 'snapshot.mode': 'no_data' };
  await peer.stopWorker();
  const measure = async (work: () => Promise<void>): Promise<Start> => {
    const startedMs = performance.now();
    await work();
    const seconds = (performance.now() - startedMs) / 1000;
    return { seconds, cpuSeconds: sampleProcess(peer.workerPid).cpuSeconds };
  };
  let connector: DebeziumConnector | undefined;
  const cold = await measure(async () => {
    await peer.startWorker();
    connector = await peer.create({ database, slotName, settings });
    await untilMoreIsReadable(connector, 'cold start');
  });
  if (connector === undefined) throw new Error('no connector was made');
  // It stores its positions every second.
  await sleep(2000);
  await peer.stopWorker();
  const follower = connector;
  const resumed = await measure(async () => {
    const more = untilMoreIsReadable(follower, 'resume');
    await peer.startWorker();
    await more;
  });
  await follower.stop();
  return { 'cold start': cold, resume: resumed };
}

const kinds: readonly Kind[] = ['cold start', 'resume'];

await inFolder(async (folder) => {
  const peer = values.peers ? await startDebeziumPeer(folder) : undefined;
  try {
    await onDatabase({ tables: [], create: async () => {} }, async (database) => {
      const stopMarking = keepMarking(database);
      const subjects = [{ name: 'Millrace', run: (slot: string) => startMillrace(database, folder, slot) }];
      if (peer !== undefined) {
        const name = 'Debezium, the worker alone';
        subjects.push({ name, run: (slot) => startDebezium(database, peer, slot) });
      }
      const results = new Map<string, Record<Kind, Start>[]>(subjects.map(({ name }) => [name, []]));
      for (let round = 0; round <= Number(values.rounds); round += 1) {
        for (const { name, run } of subjects) {
          const starts = await run(`start_${round}`);
          if (round > 0) results.get(name)?.push(starts);
          const seconds = kinds.map((kind) => `${kind} ${starts[kind].seconds.toFixed(2)} s`).join(', ');
          console.error(`${round === 0 ? 'warm-up' : `round ${round}`}  ${name}: ${seconds}`);
        }
      }
      await stopMarking();
      report(results);
    });
  } finally {
    await peer?.close();
  }
});

function report(results: ReadonlyMap<string, readonly Record<Kind, Start>[]>): void {
  const rows = [...results].flatMap(([name, list]) =>
    kinds.map((kind) => [
      `${name}, ${kind}`,
      formatSpread(list.map((starts) => starts[kind].seconds)),
      formatSpread(list.map((starts) => starts[kind].cpuSeconds)),
    ]),
  );
  console.log(`${describeMachine()}\n`);
  console.log(formatTable(['until the first change is readable', 'seconds', 'CPU-s until then'], rows));
}
