/**
 * Follows a database for hours at a steady rate, and says each minute what is held: memory and open files of the process, the
 * server's log, and how long changes take to a reader. At the end it says what an hour adds to the memory, by the second half of
 * the run, and fails when a change did not come or when files or memory grow.
 * `npm run bench -- postgres-soak [--minutes 1440] [--rate 5000]`.
 */

import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { mustEqual } from '../main-job/millrace.ts';
import { inFolder } from '../main-job/options.ts';
import { describeMachine, quantileOf, sampleHoldings, spreadOf } from '../measure.ts';
import { createSlot, type Database, onDatabase, until } from './database.ts';
import type { Follower } from './follower.ts';
import { followWithMillrace } from './millrace.ts';
import { createTicks, readTicks, ticksTable, writeSteadily } from './ticks.ts';

const { values } = parseArgs({
  options: { minutes: { type: 'string', default: '1440' }, rate: { type: 'string', default: '5000' } },
});
const minutes = Number(values.minutes);
const changesPerSecond = Number(values.rate);

/** Of what the second half of the run may add in an hour; collections of garbage alone come and go by more in a minute. */
const mostGrowthMbPerHour = 10;
const slotName = 'soak';

interface Minute {
  readonly rssMb: number;
  readonly openFiles: number;
}

await inFolder((folder) =>
  onDatabase({ tables: [ticksTable], create: createTicks }, async (database) => {
    await createSlot(database, slotName);
    // What was read is of no use, and a day would fill the disk.
    const topicSettings = ['retention.bytes: 268435456', 'segment.bytes: 67108864'];
    const follower = await followWithMillrace({ folder: join(folder, slotName), database, slotName, topicSettings });
    try {
      console.log(`${describeMachine()}; ${changesPerSecond} changes a second for ${minutes} minutes\n`);
      judge(await soak(database, follower));
    } finally {
      await follower.stop();
    }
  }),
);

async function soak(database: Database, follower: Follower): Promise<Minute[]> {
  const { server } = database;
  const ticks = readTicks(follower);
  const history: Minute[] = [];
  for (let minute = 1; minute <= minutes; minute += 1) {
    const { changes } = await writeSteadily({
      url: server.url,
      changesPerSecond,
      changesPerTransaction: Math.max(1, Math.round(changesPerSecond / 1000)),
      seconds: 60,
    });
    await until('every change is readable', async () => ticks.readableMs.length >= changes, 5);
    const readableMs = ticks.readableMs.splice(0);
    mustEqual('changes that were read', readableMs.length, changes);
    // The table's size is the server's affair.
    await server.query(`TRUNCATE ${ticksTable}`);
    const held = sampleHoldings(follower.processes[0]?.pid ?? -1);
    history.push(held);
    const [kept] = await server.query(
      'SELECT pg_current_wal_lsn() - restart_lsn AS bytes FROM pg_replication_slots WHERE slot_name = $1',
      [slotName],
    );
    const [p50, p99] = [0.5, 0.99].map((part) => quantileOf(readableMs, part).toFixed(1));
    const keptMb = (Number(kept?.['bytes']) / 2 ** 20).toFixed(1);
    console.log(
      `minute ${minute}: ${changes} changes, p50 ${p50} ms, p99 ${p99} ms, ${held.rssMb.toFixed(0)} MB, ${held.openFiles} files, ${keptMb} MB of log kept`,
    );
  }
  ticks.close();
  return history;
}

function judge(history: readonly Minute[]): void {
  const second = history.slice(Math.floor(history.length / 2));
  const growthMb = slopeOf(second.map(({ rssMb }) => rssMb)) * 60;
  const files = spreadOf(second.map(({ openFiles }) => openFiles));
  console.log(`\nmemory: ${growthMb.toFixed(1)} MB an hour; open files: ${files.min} to ${files.max}`);
  if (growthMb > mostGrowthMbPerHour || files.max > 2 * files.min) process.exitCode = 1;
}

/** Of the line through the values that errs least, per step. */
function slopeOf(steps: readonly number[]): number {
  const middle = (steps.length - 1) / 2;
  const mean = steps.reduce((sum, value) => sum + value, 0) / steps.length;
  let [above, below] = [0, 0];
  for (const [index, value] of steps.entries()) {
    above += (index - middle) * (value - mean);
    below += (index - middle) ** 2;
  }
  return below === 0 ? 0 : above / below;
}
