/**
 * How long a change takes from its commit until a reader of committed records has it, at a steady rate. The clock starts
 * before the statement that inserts and commits the row is sent, so the server's own work is in it; what the writer waits for its
 * answer stands beside it. Writer, reader and both peers share the machine and its clock.
 * `npm run bench -- postgres-latency [--rates 1000,5000] [--seconds 60] [--rounds 3] [--no-peers] [--profile]`.
 */

import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { mustEqual } from '../main-job/millrace.ts';
import { inFolder } from '../main-job/options.ts';
import { type Cost, describeMachine, formatSpread, formatTable, quantileOf } from '../measure.ts';
import { startDebeziumPeer } from '../peers/debezium.ts';
import { costOf } from '../peers/kafka-connect.ts';
import { createSlot, type Database, dropSlot, onDatabase, until } from './database.ts';
import type { Follower } from './follower.ts';
import { followWithMillrace } from './millrace.ts';
import { createTicks, readTicks, ticksTable, writeSteadily } from './ticks.ts';
import type { SteadyResult } from './write-steadily.ts';

const { values } = parseArgs({
  options: {
    rates: { type: 'string', default: '1000,5000' },
    seconds: { type: 'string', default: '60' },
    rounds: { type: 'string', default: '3' },
    peers: { type: 'boolean', default: true },
    profile: { type: 'boolean', default: false },
  },
  allowNegative: true,
});
const seconds = Number(values.seconds);
/** The first part of each run is not counted. */
const warmUpSeconds = Math.min(5, seconds / 4);

interface Latency extends Cost {
  /** Milliseconds to the reader, and to the writer's own answer. */
  readonly readableMs: readonly number[];
  readonly answeredMs: readonly number[];
}

async function measure(database: Database, follower: Follower, changesPerSecond: number): Promise<Latency> {
  const ticks = readTicks(follower);
  const work = {
    url: database.server.url,
    changesPerSecond,
    // A thousand commits a second: more of them would measure the server.
    changesPerTransaction: Math.max(1, Math.round(changesPerSecond / 1000)),
    seconds,
  };
  let written: SteadyResult | undefined;
  const cost = await costOf(follower.processes, async () => {
    written = await writeSteadily(work);
    const { changes } = written;
    await until('every change is readable', async () => ticks.readableMs.length >= changes, 5);
  });
  ticks.close();
  mustEqual('changes that were read', ticks.readableMs.length, written?.changes ?? 0);
  const counted = <T extends { slice(start: number): T; readonly length: number }>(all: T) =>
    all.slice(Math.floor((all.length * warmUpSeconds) / seconds));
  return {
    ...cost,
    readableMs: counted(ticks.readableMs),
    answeredMs: [...counted(written?.answeredMs ?? new Float64Array())],
  };
}

interface Peer {
  readonly name: string;
  follow(slotName: string): Promise<Follower>;
}

function millrace({ folder, database }: { folder: string; database: Database }, name: string, ...args: string[]): Peer {
  return {
    name,
    follow: async (slotName) => {
      await createSlot(database, slotName);
      const home = join(folder, slotName);
      const profileInto = values.profile ? join(home, 'profile') : undefined;
      const follower = await followWithMillrace({ folder: home, database, slotName, args, profileInto });
      return {
        ...follower,
        stop: async () => {
          await follower.stop();
          await dropSlot(database, slotName);
          rmSync(home, { recursive: true });
        },
      };
    },
  };
}

await inFolder(async (folder) => {
  const debezium = values.peers && !values.profile ? await startDebeziumPeer(folder) : undefined;
  try {
    await onDatabase({ tables: [ticksTable], create: createTicks }, async (database) => {
      const peers: Peer[] = [millrace({ folder, database }, 'Millrace')];
      if (!values.profile)
        peers.push(millrace({ folder, database }, 'Millrace, --durability os', '--durability', 'os'));
      if (debezium !== undefined) {
        const settings = { 'poll.interval.ms': '5' };
        peers.push(
          { name: 'Debezium', follow: (slotName) => debezium.follow({ database, slotName }) },
          {
            name: 'Debezium, poll.interval.ms 5',
            follow: (slotName) => debezium.follow({ database, slotName, settings }),
          },
        );
      }
      await runRates(database, peers);
    });
  } finally {
    await debezium?.close();
  }
});

async function runRates(database: Database, peers: readonly Peer[]): Promise<void> {
  const rounds = values.profile ? 1 : Number(values.rounds);
  const rows: string[][] = [];
  let slots = 0;
  for (const rate of values.rates.split(',').map(Number)) {
    const results = new Map<string, Latency[]>(peers.map(({ name }) => [name, []]));
    for (let round = 1; round <= rounds; round += 1) {
      for (const { name, follow } of peers) {
        slots += 1;
        const follower = await follow(`bench_${slots}`);
        const latency = await measure(database, follower, rate);
        await follower.stop();
        results.get(name)?.push(latency);
        const [p50, p99] = [0.5, 0.99].map((part) => quantileOf(latency.readableMs, part).toFixed(1));
        console.error(`round ${round}  ${name}, ${rate} a second: p50 ${p50} ms, p99 ${p99} ms`);
      }
    }
    for (const [name, list] of results) rows.push([`${name}, ${rate} a second`, ...cells(list)]);
  }
  console.log(`${describeMachine()}\n`);
  const header = ['milliseconds, from before the commit', 'p50', 'p99', 'most', 'writer’s answer p50', 'p99'];
  console.log(formatTable([...header, 'CPU-s a minute', 'peak RSS, MB'], rows));
}

function cells(list: readonly Latency[]): string[] {
  const of = (pick: (latency: Latency) => number) => formatSpread(list.map(pick));
  return [
    of(({ readableMs }) => quantileOf(readableMs, 0.5)),
    of(({ readableMs }) => quantileOf(readableMs, 0.99)),
    of(({ readableMs }) => quantileOf(readableMs, 1)),
    of(({ answeredMs }) => quantileOf(answeredMs, 0.5)),
    of(({ answeredMs }) => quantileOf(answeredMs, 0.99)),
    of(({ cpuSeconds, wallSeconds }) => (cpuSeconds / wallSeconds) * 60),
    of(({ peakRssMb }) => peakRssMb),
  ];
}
