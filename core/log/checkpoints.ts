/** Checkpoint files in Kafka's text form: a version, a count, then one line per entry; replaced as a whole, never patched. */

import type { Disk } from '../base/disk.ts';

const version = 0;

/** Offsets of partitions by `topic-partition`. */
export type PartitionOffsets = ReadonlyMap<string, number>;

/** Reads lines of `topic partition offset`. A file that is missing or not whole counts as empty: every use has a safe default. */
export async function readPartitionOffsets(disk: Disk, file: string): Promise<Map<string, number>> {
  const offsets = new Map<string, number>();
  for (const line of (await readLines(disk, file)) ?? []) {
    const match = /^(\S+) (\d+) (\d+)$/.exec(line);
    if (match === null) return new Map();
    offsets.set(`${match[1]}-${match[2]}`, Number(match[3]));
  }
  return offsets;
}

export async function writePartitionOffsets(disk: Disk, file: string, offsets: PartitionOffsets): Promise<void> {
  const lines = [...offsets].map(([name, offset]) => {
    const dash = name.lastIndexOf('-');
    return `${name.slice(0, dash)} ${name.slice(dash + 1)} ${offset}`;
  });
  await writeLines(disk, file, lines);
}

export interface LeaderEpochEntry {
  readonly epoch: number;
  /** The first offset written in this epoch. */
  readonly startOffset: number;
}

/** Reads lines of `epoch offset`; empty when the file is missing or not whole. */
export async function readLeaderEpochs(disk: Disk, file: string): Promise<LeaderEpochEntry[]> {
  const entries: LeaderEpochEntry[] = [];
  for (const line of (await readLines(disk, file)) ?? []) {
    const match = /^(\d+) (\d+)$/.exec(line);
    if (match === null) return [];
    entries.push({ epoch: Number(match[1]), startOffset: Number(match[2]) });
  }
  return entries;
}

export async function writeLeaderEpochs(disk: Disk, file: string, entries: readonly LeaderEpochEntry[]): Promise<void> {
  await writeLines(
    disk,
    file,
    entries.map(({ epoch, startOffset }) => `${epoch} ${startOffset}`),
  );
}

/** The entry lines, or undefined when the file is missing, of another version or does not hold what it announces. */
async function readLines(disk: Disk, file: string): Promise<string[] | undefined> {
  const bytes = await disk.readFile(file);
  if (bytes === undefined) return undefined;
  const [versionLine, countLine, ...lines] = bytes.toString('utf8').split('\n');
  if (versionLine !== String(version) || lines.pop() !== '') return undefined;
  return countLine === String(lines.length) ? lines : undefined;
}

async function writeLines(disk: Disk, file: string, lines: readonly string[]): Promise<void> {
  await disk.replaceFile(file, Buffer.from(`${[version, lines.length, ...lines].join('\n')}\n`));
}
