/** The data directory as a whole: one owner, one format, and whether the last owner stopped cleanly. */

import { randomBytes } from 'node:crypto';
import path from 'node:path';
import type { Disk } from '../base/disk.ts';
import { logErrors } from './error-codes.ts';
import { cleanShutdownName, lockFileName, metaPropertiesName } from './file-names.ts';

/** Kafka's format of `meta.properties` and of the folders beside it. */
const formatVersion = 1;

export interface DataDir {
  readonly clusterId: string;
  /** Grows with every start that follows a crash: data that was acknowledged without a sync may be gone then. */
  readonly leaderEpoch: number;
  readonly isClean: boolean;
  readonly unlock: () => Promise<void>;
}

/**
 * Takes the directory, makes it when it is missing. Until `markClean` is called the next start counts as one after a
 * crash. Rejects with `disk/locked` or `log/newer`.
 */
export async function openDataDir(disk: Disk, folder: string): Promise<DataDir> {
  await disk.makeFolder(folder);
  const unlock = await disk.lock(path.join(folder, lockFileName));
  try {
    const file = path.join(folder, metaPropertiesName);
    const before = await readProperties(disk, file);
    const marker = path.join(folder, cleanShutdownName);
    const isClean = (await disk.readFile(marker)) !== undefined;
    const clusterId = before?.clusterId ?? randomBytes(16).toString('base64url');
    const isFirst = before === undefined;
    const leaderEpoch = isFirst ? 0 : before.leaderEpoch + (isClean ? 0 : 1);
    await disk.replaceFile(file, encodeProperties({ clusterId, leaderEpoch }));
    if (isClean) {
      await disk.remove(marker);
      await disk.syncFolder(folder);
    }
    return { clusterId, leaderEpoch, isClean, unlock };
  } catch (error) {
    await unlock();
    throw error;
  }
}

/** Everything is closed and synced: the next start may believe the files. */
export async function markClean(disk: Disk, folder: string): Promise<void> {
  await disk.replaceFile(path.join(folder, cleanShutdownName), Buffer.from('{"version":0}\n'));
}

interface Properties {
  readonly clusterId: string;
  readonly leaderEpoch: number;
}

async function readProperties(disk: Disk, file: string): Promise<Properties | undefined> {
  const bytes = await disk.readFile(file);
  if (bytes === undefined) return undefined;
  const values = new Map(
    bytes
      .toString('utf8')
      .split('\n')
      .filter((line) => line.includes('=') && !line.startsWith('#'))
      .map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]),
  );
  const version = Number(values.get('version'));
  if (version !== formatVersion) {
    throw logErrors.error('newer', {
      message: `the directory has the format ${values.get('version')}, this version knows ${formatVersion}`,
      where: file,
    });
  }
  const clusterId = values.get('cluster.id');
  const leaderEpoch = Number(values.get('millrace.leader.epoch') ?? 0);
  return clusterId === undefined ? undefined : { clusterId, leaderEpoch };
}

function encodeProperties({ clusterId, leaderEpoch }: Properties): Buffer {
  const lines = [
    `version=${formatVersion}`,
    'node.id=1',
    `cluster.id=${clusterId}`,
    `millrace.leader.epoch=${leaderEpoch}`,
  ];
  return Buffer.from(`${lines.join('\n')}\n`);
}
