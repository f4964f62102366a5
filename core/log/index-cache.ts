/** The indexes of segments that are written no more: read when a lookup needs them, the least recently used dropped first. */

import type { Disk } from '../base/disk.ts';
import { OffsetIndex } from './offset-index.ts';
import type { Segment } from './segment.ts';
import { TimeIndex } from './time-index.ts';

export interface SegmentIndexes {
  readonly offsets: OffsetIndex;
  readonly times: TimeIndex;
}

export interface IndexCacheOptions {
  readonly disk: Disk;
  readonly maxBytes: number;
  /** Makes the indexes of a segment anew from its batches and writes them; for files that are missing or make no sense. */
  readonly rebuild: (segment: Segment) => Promise<SegmentIndexes>;
}

export class IndexCache {
  readonly #options: IndexCacheOptions;
  /** Loaded ones in order of last use, with their size when they were loaded. */
  readonly #loaded = new Map<Segment, number>();
  readonly #loading = new Map<Segment, Promise<SegmentIndexes>>();
  #bytes = 0;

  constructor(options: IndexCacheOptions) {
    this.#options = options;
  }

  async of(segment: Segment): Promise<SegmentIndexes> {
    const { indexes } = segment;
    if (indexes !== undefined) {
      const bytes = this.#loaded.get(segment);
      if (bytes !== undefined) {
        this.#loaded.delete(segment);
        this.#loaded.set(segment, bytes);
      }
      return indexes;
    }
    let loading = this.#loading.get(segment);
    if (loading === undefined) {
      loading = this.#load(segment).finally(() => this.#loading.delete(segment));
      this.#loading.set(segment, loading);
    }
    return loading;
  }

  /** From now on the segment's indexes may be dropped: they are on disk. Call it when the segment is written no more. */
  manage(segment: Segment): void {
    const { indexes } = segment;
    if (indexes === undefined || this.#loaded.has(segment)) return;
    const bytes = indexes.offsets.sizeBytes + indexes.times.sizeBytes;
    this.#loaded.set(segment, bytes);
    this.#bytes += bytes;
    while (this.#bytes > this.#options.maxBytes && this.#loaded.size > 1)
      this.forget(this.#loaded.keys().next().value!);
  }

  forget(segment: Segment): void {
    const bytes = this.#loaded.get(segment);
    if (bytes === undefined) return;
    this.#loaded.delete(segment);
    this.#bytes -= bytes;
    segment.dropIndexes();
  }

  async #load(segment: Segment): Promise<SegmentIndexes> {
    const indexes = (await readIndexes(this.#options.disk, segment)) ?? (await this.#options.rebuild(segment));
    segment.adoptIndexes(indexes.offsets, indexes.times);
    this.manage(segment);
    return indexes;
  }
}

/** The indexes from their files, or undefined when one is missing or makes no sense. */
export async function readIndexes(disk: Disk, segment: Segment): Promise<SegmentIndexes | undefined> {
  const [offsetBytes, timeBytes] = await Promise.all([
    disk.readFile(segment.filePath('.index')),
    disk.readFile(segment.filePath('.timeindex')),
  ]);
  if (offsetBytes === undefined || timeBytes === undefined) return undefined;
  const offsets = new OffsetIndex(segment.baseOffset, offsetBytes);
  const times = new TimeIndex(segment.baseOffset, timeBytes);
  return offsets.isSane(segment.sizeBytes) && times.isSane() ? { offsets, times } : undefined;
}
