/** Reads whole batches of one log below a limit: from the tail cache, else with as few positional reads as there can be. */

import type { Disk } from '../base/disk.ts';
import {
  BATCH_HEADER_BYTES,
  batchBaseOffset,
  batchCrc,
  batchLastOffset,
  batchLastOffsetDelta,
  batchMagic,
  batchSizeBytes,
  computeBatchCrc,
} from '../protocol/batch-header.ts';
import type { AbortedTransaction } from './aborted-index.ts';
import { AbortedReader } from './aborted-reader.ts';
import { logErrors } from './error-codes.ts';
import type { Gate } from './gate.ts';
import type { IndexCache } from './index-cache.ts';
import type { LogState } from './log-state.ts';
import type { OpenFiles } from './open-files.ts';
import type { Segment } from './segment.ts';
import type { TailCache } from './tail-cache.ts';
import { firstAtLeast, type TimestampOffset, type TimestampQuestion } from './timestamp-search.ts';

export interface ReadOptions {
  /** The most bytes to return; batches are never cut. */
  readonly maxBytes: number;
  /** Return the first batch even when it alone is larger than `maxBytes`. */
  readonly minOneBatch: boolean;
  /** Only batches before this offset; up to the high watermark unless told. */
  readonly limitOffset?: number | undefined;
  /** Where bytes read from files go; fresh memory unless told. */
  readonly memory?: ReadMemory | undefined;
}

interface ReadMemory {
  /** At least that many bytes, with unknown content. */
  take(minBytes: number): Buffer;
}

const freshMemory: ReadMemory = { take: (minBytes) => Buffer.allocUnsafeSlow(minBytes) };

export interface LogReaderOptions {
  readonly disk: Disk;
  readonly state: LogState;
  readonly gate: Gate;
  readonly files: OpenFiles;
  readonly indexes: IndexCache;
  readonly tailCache: TailCache;
}

const noBytes = Buffer.alloc(0);

/** Headers are looked for in windows of this size: the distance between two index entries and a little more. */
const searchBytes = 8 * 1024;

/** However much a reader asks for, one read takes no more memory than this, or than its first batch. */
const maxReadBytes = 8 * 1024 * 1024;

/** Read at once when a record is looked for by its timestamp. */
const timeSearchBytes = 256 * 1024;

/** Where sequential readers go on; each entry saves the search through the index and the batches behind its entry. */
const maxHints = 16;

interface Place {
  readonly segment: Segment;
  readonly position: number;
  /** Of a hint: where the batch stands that is said to end in front of it. */
  readonly passed?: number;
}

export class LogReader {
  readonly #options: LogReaderOptions;
  readonly #state: LogState;
  readonly #hints = new Map<number, Place>();
  readonly #aborted: AbortedReader;

  constructor(options: LogReaderOptions) {
    this.#options = options;
    this.#state = options.state;
    this.#aborted = new AbortedReader(options);
  }

  /**
   * Whole batches from the one that holds `fromOffset`, or the first one behind it, up to the high watermark; the first
   * may begin before `fromOffset`. Empty at the end. Rejects with `log/offset-out-of-range`.
   */
  async read(fromOffset: number, asked: ReadOptions): Promise<Buffer> {
    const options = { ...asked, maxBytes: Math.min(asked.maxBytes, maxReadBytes) };
    this.#checkRange(fromOffset);
    const limitOffset = Math.min(options.limitOffset ?? Number.POSITIVE_INFINITY, this.#state.highWatermark);
    if (fromOffset >= limitOffset) return noBytes;
    const cached = this.#options.tailCache.read(this.#state, { ...options, fromOffset, limitOffset });
    if (cached !== undefined) return cached;
    return this.#options.gate.shared(async () => {
      this.#checkRange(fromOffset);
      const bytes = await this.#readFiles(fromOffset, options);
      return options.limitOffset === undefined ? bytes : batchesBefore(bytes, limitOffset);
    });
  }

  /** The aborted transactions with a record in [fromOffset, toOffset). */
  async abortedTransactions(fromOffset: number, toOffset: number): Promise<readonly AbortedTransaction[]> {
    return this.#options.gate.shared(() => this.#aborted.find(fromOffset, toOffset));
  }

  /** The first visible record at or behind the log start whose timestamp is at least `timestampMs`. */
  offsetForTimestamp(timestampMs: number): Promise<TimestampOffset | undefined> {
    return this.#options.gate.shared(async () => {
      for (const segment of this.#state.segments.all()) {
        const found = await this.#searchTime(segment, { timestampMs, fromOffset: this.#state.logStartOffset });
        if (found !== undefined) return found;
      }
      return undefined;
    });
  }

  /** The largest timestamp of a visible record and the first offset that has it. */
  async offsetOfMaxTimestamp(): Promise<TimestampOffset | undefined> {
    let maxTimestampMs = -1;
    for (const segment of this.#state.segments.all()) {
      await this.#options.indexes.of(segment);
      maxTimestampMs = Math.max(maxTimestampMs, segment.maxTimestampMs);
    }
    // The newest batch of the active segment may not be visible yet; then an older one has the answer.
    return maxTimestampMs < 0 ? undefined : this.offsetForTimestamp(maxTimestampMs);
  }

  /** Where the first visible batch that ends at or behind `offset` stands, or undefined. Call it inside the gate. */
  async locate(offset: number): Promise<Place | undefined> {
    const hint = this.#hints.get(offset);
    if (hint !== undefined && !hint.segment.isRetired) return hint;
    let segment: Segment | undefined = this.#state.segments.floor(offset);
    while (segment !== undefined) {
      const position = await this.#search(segment, offset);
      if (position !== undefined) return { segment, position };
      // The offsets between the segment's last batch and the next segment were compacted away.
      segment = this.#state.segments.after(segment);
    }
    return undefined;
  }

  /** Whole batches that start at `place`, as many as fit `options` and end before the visible end. Call it inside the gate. */
  async readAt({ segment, position }: Place, options: ReadOptions): Promise<Buffer> {
    const available = this.#visibleBytes(segment) - position;
    const wanted = Math.min(available, Math.max(options.maxBytes, BATCH_HEADER_BYTES));
    if (wanted <= 0) return noBytes;
    const memory = options.memory ?? freshMemory;
    const bytes = memory.take(wanted).subarray(0, wanted);
    await this.#fill(segment, bytes, position);
    const firstBytes = this.#sizeAt(bytes, 0, { segment, position });
    if (firstBytes <= options.maxBytes && firstBytes <= wanted)
      return bytes.subarray(0, this.#wholeBatches(bytes, { segment, position }));
    if (!options.minOneBatch) return noBytes;
    const first = memory.take(firstBytes).subarray(0, firstBytes);
    bytes.copy(first);
    if (firstBytes > wanted) await this.#fill(segment, first.subarray(wanted), position + wanted);
    return first;
  }

  async #readFiles(fromOffset: number, options: ReadOptions): Promise<Buffer> {
    const place = await this.locate(fromOffset);
    if (place === undefined) return noBytes;
    const bytes = await this.readAt(place, options);
    if (bytes.length === 0) return bytes;
    // A search has looked already.
    if (batchBaseOffset(bytes, 0) > fromOffset) await this.#checkPassed(place.segment, place.passed);
    this.#remember(bytes, place);
    return bytes;
  }

  async #searchTime(segment: Segment, question: TimestampQuestion): Promise<TimestampOffset | undefined> {
    const { times, offsets } = await this.#options.indexes.of(segment);
    if (segment.maxTimestampMs < question.timestampMs) return undefined;
    const entry = times.lookup(question.timestampMs);
    let position = entry === undefined ? 0 : offsets.lookup(entry.offset);
    while (position < this.#visibleBytes(segment)) {
      const bytes = await this.readAt({ segment, position }, { maxBytes: timeSearchBytes, minOneBatch: true });
      const found = firstAtLeast(bytes, question);
      if (found !== undefined) return found;
      position += bytes.length;
    }
    return undefined;
  }

  /** The position of the first visible batch of the segment that ends at or behind `offset`. */
  async #search(segment: Segment, offset: number): Promise<number | undefined> {
    const limit = this.#visibleBytes(segment);
    const { offsets } = await this.#options.indexes.of(segment);
    let position = offsets.lookup(offset);
    const window = Buffer.allocUnsafe(Math.min(searchBytes, Math.max(limit - position, 0)));
    let passed: number | undefined;
    while (position < limit) {
      const filled = await this.#options.files.read(segment, window, position);
      let at = 0;
      while (at + BATCH_HEADER_BYTES <= filled && position + at < limit) {
        const sizeBytes = this.#sizeAt(window, at, { segment, position: position + at });
        if (batchLastOffset(window, at) >= offset) {
          if (batchBaseOffset(window, at) > offset) await this.#checkPassed(segment, passed);
          return position + at;
        }
        passed = position + at;
        at += sizeBytes;
      }
      if (at === 0) throw this.#damaged({ segment, position }, 'the file ends inside a batch');
      position += at;
    }
    await this.#checkPassed(segment, passed);
    return undefined;
  }

  /**
   * The batch in front of a gap, which compaction leaves, says itself where it ends. One that says so wrongly has the
   * offset that was looked for: it must not be passed over.
   */
  async #checkPassed(segment: Segment, position: number | undefined): Promise<void> {
    if (position === undefined) return;
    const bytes = await this.readAt({ segment, position }, { maxBytes: BATCH_HEADER_BYTES, minOneBatch: true });
    if (bytes.length > 0 && computeBatchCrc(bytes, 0) === batchCrc(bytes, 0)) return;
    throw this.#damaged({ segment, position }, 'the checksum of the batch does not fit its bytes');
  }

  #visibleBytes(segment: Segment): number {
    const { segment: last, position } = this.#state.visibleEnd;
    if (segment === last) return position;
    return segment.baseOffset < last.baseOffset ? segment.sizeBytes : 0;
  }

  #wholeBatches(bytes: Buffer, place: Place): number {
    let at = 0;
    let nextOffset = place.segment.baseOffset;
    while (at + BATCH_HEADER_BYTES <= bytes.length) {
      const sizeBytes = this.#sizeAt(bytes, at, place);
      if (at + sizeBytes > bytes.length) break;
      if (batchBaseOffset(bytes, at) < nextOffset) {
        throw this.#damaged({ ...place, position: place.position + at }, 'offsets go back');
      }
      nextOffset = batchLastOffset(bytes, at) + 1;
      at += sizeBytes;
    }
    return at;
  }

  /** The size of the batch that starts here. Nothing of it is verified: its offsets must at least lie in the segment. */
  #sizeAt(bytes: Buffer, at: number, { segment, position }: Place): number {
    const sizeBytes = batchSizeBytes(bytes, at);
    const isSane =
      sizeBytes >= BATCH_HEADER_BYTES &&
      batchMagic(bytes, at) === 2 &&
      batchBaseOffset(bytes, at) >= segment.baseOffset &&
      batchLastOffsetDelta(bytes, at) >= 0 &&
      batchLastOffset(bytes, at) < segment.nextOffset;
    if (!isSane) throw this.#damaged({ segment, position: position + at }, 'no batch starts where one must');
    return sizeBytes;
  }

  async #fill(segment: Segment, into: Buffer, position: number): Promise<void> {
    const filled = await this.#options.files.read(segment, into, position);
    if (filled < into.length) throw this.#damaged({ segment, position: position + filled }, 'the file ends too early');
  }

  #remember(bytes: Buffer, { segment, position }: Place): void {
    let last = 0;
    for (let at = 0; at < bytes.length; at += batchSizeBytes(bytes, at)) last = at;
    if (this.#hints.size >= maxHints) this.#hints.delete(this.#hints.keys().next().value!);
    const next = { segment, position: position + bytes.length, passed: position + last };
    if (next.position < segment.sizeBytes) this.#hints.set(batchLastOffset(bytes, last) + 1, next);
  }

  #checkRange(offset: number): void {
    const { logStartOffset, logEndOffset } = this.#state;
    if (offset >= logStartOffset && offset <= logEndOffset) return;
    throw logErrors.error('offset-out-of-range', {
      message: `offset ${offset} is outside ${logStartOffset} to ${logEndOffset}`,
      where: `${this.#state.topic}-${this.#state.partition}`,
    });
  }

  #damaged({ segment, position }: Place, message: string): Error {
    return logErrors.error('damaged', { message, where: `${segment.logPath}, position ${position}` });
  }
}

/** The leading batches of `bytes` that begin before `offset`. */
function batchesBefore(bytes: Buffer, offset: number): Buffer {
  let at = 0;
  while (at < bytes.length && batchBaseOffset(bytes, at) < offset) at += batchSizeBytes(bytes, at);
  return bytes.subarray(0, at);
}
