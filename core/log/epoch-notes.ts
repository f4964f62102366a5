/** Keeps `leader-epoch-checkpoint` of each log, behind its back: the first append after a start must not wait for a file. */

import path from 'node:path';
import type { Disk } from '../base/disk.ts';
import { messageOf } from '../base/errors.ts';
import type { Logger } from '../base/logger.ts';
import { type LeaderEpochEntry, readLeaderEpochs, writeLeaderEpochs } from './checkpoints.ts';
import { leaderEpochsName } from './file-names.ts';
import { withBegun } from './leader-epochs.ts';
import type { LogParts } from './log-parts.ts';
import { type LogState, nameOf } from './log-state.ts';

/** Each takes a thread of the pool from those who wait. */
const concurrentNotes = 2;

/** The epochs that wrote anything, in order. Rejects with a disk error. */
export async function leaderEpochsOf(disk: Disk, state: LogState): Promise<readonly LeaderEpochEntry[]> {
  return withBegun(await readLeaderEpochs(disk, fileOf(state)), state.begunEpochs);
}

/** Makes Kafka's file of epochs durable: one line per epoch that wrote anything. */
export async function noteEpochs(disk: Disk, state: LogState): Promise<void> {
  const begun = state.begunEpochs;
  if (begun.length === 0) return;
  const written = await readLeaderEpochs(disk, fileOf(state));
  const entries = withBegun(written, begun);
  if (entries !== written) await writeLeaderEpochs(disk, fileOf(state), entries);
  state.begunEpochs = state.begunEpochs.filter((entry) => !begun.includes(entry));
}

/** Notes the epochs of all logs that are missing somewhere; what cannot be written now, or is being compacted, is left for the next time. */
export async function noteAllEpochs(logs: Iterable<LogParts>, logger: Logger): Promise<void> {
  const isDue = ({ state, writer }: LogParts) => state.begunEpochs.length > 0 && writer.failure === undefined;
  const due = [...logs].filter(isDue);
  const next = async (): Promise<void> => {
    for (let parts = due.pop(); parts !== undefined; parts = due.pop()) await noteBetween(parts, logger);
  };
  await Promise.all(Array.from({ length: concurrentNotes }, next));
}

/** Never rejects. */
async function noteBetween(parts: LogParts, logger: Logger): Promise<void> {
  const { services, state, structure, writer } = parts;
  if (structure.isBusy) return;
  try {
    // Not while the folder is being removed.
    await structure.run(async () => {
      if (writer.failure === undefined) await noteEpochs(services.disk, state);
    });
  } catch (error) {
    const fields = { partition: nameOf(state), error: messageOf(error) };
    logger.warn(fields, 'a leader epoch could not be noted; the recovery point stays before it until it is');
  }
}

const fileOf = ({ folder }: LogState) => path.join(folder, leaderEpochsName);
