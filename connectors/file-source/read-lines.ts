/** Reads one window of a file whose generation is known and appends its lines. */

import { crc32 } from '@node-rs/crc32';
import type { SourceOutput } from '../contract/source.ts';
import type { ByteWindow } from './byte-source.ts';
import { readNow } from './file-access.ts';
import { fingerprintBytes } from './fingerprint.ts';
import type { Generation } from './generation.ts';
import { unfinishedGzip } from './identify.ts';
import { beginsAs, type ChangeReason } from './identity.ts';
import { type Cut, cutLines } from './line-cutter.ts';
import type { Parts } from './parts.ts';
import { PlainBytes } from './plain-bytes.ts';
import { readingLimit, type TrackedFile } from './tracked-file.ts';

/** Little room is not worth a small read: what does not fit is read again. */
const smallestReadBytes = 2 ** 16;

export interface Reading {
  readonly consumedBytes: number;
  readonly recordCount: number;
  /** More could be taken at once. */
  readonly hasMore: boolean;
  /** The generation's bytes are not in the file any more; nothing was taken. */
  readonly changed?: ChangeReason;
}

const nothing: Reading = { consumedBytes: 0, recordCount: 0, hasMore: false };

export class LineReader {
  readonly #parts: Parts;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /** The file is open, its facts are fresh, its generation is verified. `maxRecords` is what the poll may still append. */
  async read(file: TrackedFile, output: SourceOutput, maxRecords: number): Promise<Reading> {
    const generation = file.generation!;
    if (generation.isComplete || generation.position >= readingLimit(file)) return nothing;
    file.source ??= new PlainBytes(file, this.#parts.buffer);
    const wanted = Math.min(this.#parts.config['read.buffer.bytes'], Math.max(smallestReadBytes, output.roomBytes));
    const window = await file.source.read(generation.position, wanted);
    const changed = changeAt(file, generation, window);
    if (changed !== undefined) return { ...nothing, changed };
    const skipped = this.#skip(file, generation, window);
    if (skipped > 0) return { consumedBytes: skipped, recordCount: 0, hasMore: true };
    return this.#cut(file, output, window, maxRecords);
  }

  async #cut(file: TrackedFile, output: SourceOutput, first: ByteWindow, maxRecords: number): Promise<Reading> {
    const generation = file.generation!;
    const { config } = this.#parts;
    // A stable number, so that one file's lines stay in one partition across restarts and renames.
    const appender = output.partition(config.topic, crc32(generation.filename));
    const lines = {
      appender,
      get roomBytes() {
        return output.roomBytes;
      },
    };
    let window = first;
    let cut = this.#cutWindow(file, window, lines, maxRecords);
    if (cut.consumedBytes === 0 && !window.isEnd && output.roomBytes > 0) {
      window = await file.source!.read(generation.position, config['max.line.bytes'] + 2);
      const changed = changeAt(file, generation, window);
      if (changed !== undefined) return { ...nothing, changed };
      cut = this.#cutWindow(file, window, lines, maxRecords);
    }
    this.#count(cut);
    generation.advance(window.bytes, window.start, window.start + cut.consumedBytes);
    generation.split = cut.split;
    const isUsedUp = window.start + cut.consumedBytes === window.bytes.length;
    if (window.isEnd && (isUsedUp || cut.consumedBytes === 0)) this.#atEnd(file, window, isUsedUp);
    const isStopped = output.roomBytes <= 0 || cut.recordCount >= maxRecords;
    const isOver = generation.isComplete || generation.position >= readingLimit(file);
    const hasMore = !isOver && (!window.isEnd || (isStopped && !isUsedUp));
    return { consumedBytes: cut.consumedBytes, recordCount: cut.recordCount, hasMore };
  }

  #cutWindow(file: TrackedFile, window: ByteWindow, output: Parameters<typeof cutLines>[1], maxRecords: number): Cut {
    const { position, split } = file.generation!;
    const { bytes, start } = window;
    return cutLines(
      {
        bytes,
        start,
        stop: Math.min(bytes.length, start + readingLimit(file) - position),
        position,
        split,
        maxLineBytes: this.#parts.config['max.line.bytes'],
        maxRecords,
        timestampMs: this.#parts.context.clock.nowMs(),
        takesPartial: window.isEnd && this.#takesPartial(file, window),
      },
      output,
    );
  }

  /** No newline will come: the compressed file is over, or nobody has written for a while. */
  #takesPartial(file: TrackedFile, window: ByteWindow): boolean {
    if (file.compression !== 'none') return window.isFinal;
    const idleMs = this.#parts.context.clock.monotonicMs() - file.writtenAtMs;
    return idleMs >= this.#parts.config['partial.line.timeout.ms'] && isSeenToEnd(file, window);
  }

  /** Bytes that become no records: what lies before the end of a compressed file read from its end, and holes. */
  #skip(file: TrackedFile, generation: Generation, window: ByteWindow): number {
    const { bytes, start } = window;
    const { gauges } = this.#parts.context;
    const skipsAll = file.startsAt !== undefined && file.compression !== 'none';
    const skipped = skipsAll ? bytes.length - start : holeBytes(file, generation, window);
    if (skipped === 0) return 0;
    generation.advance(bytes, start, start + skipped);
    if (!skipsAll) gauges.add('hole_bytes_total', skipped);
    return skipped;
  }

  #count(cut: Cut): void {
    const { gauges } = this.#parts.context;
    gauges.add('bytes_read_total', cut.consumedBytes);
    gauges.add('lines_total', cut.recordCount);
    if (cut.longLineCount > 0) gauges.add('long_lines_total', cut.longLineCount);
  }

  #atEnd(file: TrackedFile, window: ByteWindow, isUsedUp: boolean): void {
    if (file.compression === 'none') return;
    if (window.isFinal) {
      if (!isUsedUp) return;
      file.generation!.isComplete = true;
      file.startsAt = undefined;
      return;
    }
    const idleMs = this.#parts.context.clock.monotonicMs() - file.writtenAtMs;
    if (idleMs >= this.#parts.config['settle.ms']) throw unfinishedGzip(file.path);
  }
}

/** Of the task whose thread this is: nothing waits between filling it and comparing it. */
const head = Buffer.alloc(fingerprintBytes);

/**
 * Whether the window may not be taken, because the file was truncated and written anew: the bytes in front of it and the
 * first bytes of the file must be those of the generation. Lines may end alike at the same place, so the one without the
 * other proves little; and the first bytes are read after the window, so that nothing can change between the two unseen.
 */
function changeAt(file: TrackedFile, generation: Generation, window: ByteWindow): ChangeReason | undefined {
  if (file.compression !== 'none') return undefined;
  if (window.bytes.length < window.start) return 'shorter than the position';
  if (!generation.isPrecededBy(window.bytes.subarray(window.behind, window.start)))
    return 'other bytes before the position';
  if (generation.position === 0) return undefined;
  const count = readNow(file.fd!, head, fingerprintBytes, 0);
  return beginsAs(generation.evidence, head.subarray(0, count)) ? undefined : 'begins with other bytes';
}

/** The window reaches as far as the file did when its times were looked at: nobody wrote in between. */
function isSeenToEnd(file: TrackedFile, window: ByteWindow): boolean {
  return file.generation!.position + window.bytes.length - window.start <= file.facts.size;
}

/**
 * Zeros that nobody wrote: a writer that kept its position while its file was truncated leaves a hole at the beginning.
 * A line cannot begin behind a byte that is no newline, so only a hole that is being skipped has a zero before the position.
 */
function holeBytes(file: TrackedFile, generation: Generation, window: ByteWindow): number {
  const { bytes, start } = window;
  if (!file.facts.isSparse || generation.split.part > 0 || bytes[start] !== 0) return 0;
  if (generation.position > 0 && generation.lastByte !== 0) return 0;
  let end = start;
  while (end < bytes.length && bytes[end] === 0) end++;
  return end - start;
}
