/** After a crash: writes what the write-ahead log made durable into the segments that may not have it, before anybody reads them. */

import path from 'node:path';
import type { Disk, DiskFile } from '../base/disk.ts';
import type { Logger } from '../base/logger.ts';
import { partitionMetadataName, segmentFileName, walNames } from './file-names.ts';
import { namedOffsets } from './segment-files.ts';
import { topicIdIn } from './topic-id.ts';
import { decodeFrame, decodeFrameHeader, type FrameHeader, frameHeaderBytes, type WalEntry } from './wal-format.ts';

export interface ReplayOptions {
  readonly disk: Disk;
  readonly logger: Logger;
  readonly dataDir: string;
  /** By `topic-partition`: what lies before them is in the segments. */
  readonly recoveryPoints: ReadonlyMap<string, number>;
}

interface Target {
  readonly path: string;
  /** Where the file ends now. An entry that begins behind it has lost what came before, and would leave a hole. */
  sizeBytes: number;
}

/** Segments open at a time. */
const maxOpenFiles = 256;
const concurrentWrites = 8;

/**
 * Entries are written again where they were written first, so doing it twice, or after half of it, ends in the same bytes.
 * Nothing is written for a partition that is gone or was made anew, nor into a segment that has ended: it was synced then.
 * The files are removed, durably, at the end. Rejects with disk errors.
 */
export async function replayWriteAheadLog(options: ReplayOptions): Promise<void> {
  const { disk, dataDir } = options;
  const files: { path: string; first: FrameHeader | undefined }[] = [];
  for (const name of walNames) {
    const file = path.join(dataDir, name);
    if (await exists(disk, file)) files.push({ path: file, first: await firstHeader(disk, file) });
  }
  if (files.length === 0) return;
  const replay = new Replay(options);
  const begun = files.filter((file) => file.first !== undefined);
  begun.sort((a, b) => a.first!.generation - b.first!.generation);
  for (const file of begun) await replay.read(file.path, file.first!.generation);
  await replay.finish();
  for (const file of files) await disk.remove(file.path);
  await disk.syncFolder(dataDir);
}

async function exists(disk: Disk, file: string): Promise<boolean> {
  const entries = await disk.list(path.dirname(file));
  return entries.some(({ name }) => name === path.basename(file));
}

async function firstHeader(disk: Disk, file: string): Promise<FrameHeader | undefined> {
  const handle = await disk.open(file, 'read');
  try {
    const bytes = Buffer.alloc(frameHeaderBytes);
    await handle.read(bytes, 0);
    return decodeFrameHeader(bytes, await handle.size());
  } finally {
    await handle.close();
  }
}

class Replay {
  readonly #options: ReplayOptions;
  /** By partition, topic id and segment; undefined for those that nothing is written to. */
  readonly #targets = new Map<string, Target | undefined>();
  readonly #open = new Map<Target, DiskFile>();
  readonly #counts = { frames: 0, bytes: 0, partitions: 0, incomplete: 0 };

  constructor(options: ReplayOptions) {
    this.#options = options;
  }

  /** Reads frames until one is not whole or belongs to an earlier generation. */
  async read(file: string, generation: number): Promise<void> {
    const handle = await this.#options.disk.open(file, 'read');
    try {
      const sizeBytes = await handle.size();
      const head = Buffer.alloc(frameHeaderBytes);
      let position = 0;
      for (let sequence = 0; ; sequence += 1) {
        await handle.read(head, position);
        const header = decodeFrameHeader(head, sizeBytes - position);
        if (header === undefined || header.generation !== generation || header.sequence !== sequence) return;
        const frame = Buffer.allocUnsafeSlow(header.sizeBytes);
        await handle.read(frame, position);
        const entries = decodeFrame(frame, header);
        if (entries === undefined) return;
        await this.#apply(entries);
        this.#counts.frames += 1;
        position += header.sizeBytes;
      }
    } finally {
      await handle.close();
    }
  }

  /** Makes everything that was written durable and says what was done. */
  async finish(): Promise<void> {
    await this.#closeAll();
    if (this.#counts.bytes === 0 && this.#counts.incomplete === 0) return;
    this.#counts.partitions = new Set([...this.#targets.values()].filter((target) => target !== undefined)).size;
    this.#options.logger.info({ ...this.#counts }, 'the write-ahead log was written into the segments');
  }

  /** No two entries of a frame are for the same file. */
  async #apply(entries: readonly WalEntry[]): Promise<void> {
    // No file of this frame is closed before all of it is written.
    if (this.#open.size + entries.length > maxOpenFiles) await this.#closeAll();
    const waiting = [...entries];
    await inParallel(async () => {
      for (let entry = waiting.pop(); entry !== undefined; entry = waiting.pop()) await this.#write(entry);
    });
  }

  async #write({ origin, position, nextOffset, buffers }: WalEntry): Promise<void> {
    if (nextOffset <= (this.#options.recoveryPoints.get(origin.partition) ?? 0)) return;
    const target = await this.#targetOf(origin);
    if (target === undefined) return;
    if (position > target.sizeBytes) {
      const fields = { file: target.path, sizeBytes: target.sizeBytes, position };
      this.#options.logger.warn(
        fields,
        'a segment is shorter than the write-ahead log left it; what follows is not replayed',
      );
      this.#counts.incomplete += 1;
      return;
    }
    let file = this.#open.get(target);
    if (file === undefined) {
      file = await this.#options.disk.open(target.path, 'write');
      this.#open.set(target, file);
    }
    await file.write(buffers, position);
    const bytes = buffers.reduce((sum, buffer) => sum + buffer.byteLength, 0);
    target.sizeBytes = Math.max(target.sizeBytes, position + bytes);
    this.#counts.bytes += bytes;
  }

  async #targetOf(origin: WalEntry['origin']): Promise<Target | undefined> {
    const key = `${origin.partition}/${origin.segmentBase}/${origin.topicId}`;
    if (!this.#targets.has(key)) this.#targets.set(key, await this.#find(origin));
    return this.#targets.get(key);
  }

  async #find({ partition, topicId, segmentBase }: WalEntry['origin']): Promise<Target | undefined> {
    const { disk, dataDir } = this.#options;
    const folder = path.join(dataDir, partition);
    const names = (await disk.list(folder)).map(({ name }) => name);
    if (namedOffsets(names, '.log').at(-1) !== segmentBase) return undefined;
    const metadata = await disk.readFile(path.join(folder, partitionMetadataName));
    if (topicIdIn(metadata) !== topicId) return undefined;
    const file = path.join(folder, segmentFileName(segmentBase, '.log'));
    const handle = await disk.open(file, 'write');
    const target = { path: file, sizeBytes: await handle.size() };
    this.#open.set(target, handle);
    return target;
  }

  async #closeAll(): Promise<void> {
    const files = [...this.#open.values()];
    this.#open.clear();
    await inParallel(async () => {
      for (let file = files.pop(); file !== undefined; file = files.pop()) {
        await file.sync();
        await file.close();
      }
    });
  }
}

async function inParallel(work: () => Promise<void>): Promise<void> {
  await Promise.all(Array.from({ length: concurrentWrites }, work));
}
