/** Cuts a window of bytes into lines and appends each as a byte range; nothing is allocated for an ordinary line. */

import type { RecordHeader } from '../contract/record.ts';
import type { RecordAppender } from '../contract/source.ts';
import { noSplit, type SplitLine } from './generation.ts';

const newline = 0x0a;
const carriageReturn = 0x0d;

export interface LineWindow {
  /** Holds the window and perhaps more in front of it; ends where the window ends. */
  readonly bytes: Buffer;
  readonly start: number;
  /** No line that begins here or later is taken. */
  readonly stop: number;
  /** The byte position in the file of `start`. */
  readonly position: number;
  /** What is left of the line that the window begins in the middle of. */
  readonly split: SplitLine;
  readonly maxLineBytes: number;
  readonly maxRecords: number;
  readonly timestampMs: number;
  /** True when no newline will come for the last line: it is taken as it is. */
  readonly takesPartial: boolean;
}

export interface Cut {
  /** Bytes taken, newlines included. */
  readonly consumedBytes: number;
  readonly recordCount: number;
  readonly longLineCount: number;
  readonly split: SplitLine;
}

export interface LineOutput {
  readonly roomBytes: number;
  readonly appender: RecordAppender;
}

/**
 * Appends lines without their newline and without one carriage return before it, until the window, the room or the
 * number of records is used up. What stays is the beginning of a line, shorter than `maxLineBytes` + 2.
 */
export function cutLines(window: LineWindow, output: LineOutput): Cut {
  const { bytes, start, stop, maxLineBytes, maxRecords, timestampMs } = window;
  const { appender } = output;
  const long = new LongLine(window, appender);
  let at = start;
  let plainCount = 0;
  while (at < stop && plainCount + long.recordCount < maxRecords && output.roomBytes > 0) {
    if (!long.isOpen) {
      const left = maxRecords - plainCount - long.recordCount;
      const lines = appender.appendLines(bytes, at, stop, { timestampMs, maxLineBytes, maxRecords: left });
      at += lines.consumedBytes;
      plainCount += lines.recordCount;
      if (lines.recordCount > 0) continue;
    }
    const found = bytes.indexOf(newline, at);
    const end = found < 0 ? bytes.length : found > at && bytes[found - 1] === carriageReturn ? found - 1 : found;
    if (end - at <= maxLineBytes && !long.isOpen && found >= 0) {
      appender.append(bytes, at, end, timestampMs);
      at = found + 1;
      plainCount++;
      continue;
    }
    const taken = long.take(at, end, found);
    if (taken < 0) break;
    at = taken;
  }
  const recordCount = plainCount + long.recordCount;
  return { consumedBytes: at - start, recordCount, longLineCount: long.splitCount, split: long.split };
}

/** The rare line: too long for one record, continued from an earlier window, or without a newline at the end. */
class LongLine {
  readonly #window: LineWindow;
  readonly #appender: RecordAppender;
  split: SplitLine;
  /** Lines that had to be split for their length. */
  splitCount = 0;
  recordCount = 0;

  constructor(window: LineWindow, appender: RecordAppender) {
    this.#window = window;
    this.#appender = appender;
    this.split = window.split;
  }

  get isOpen(): boolean {
    return this.split.part > 0;
  }

  /** Appends the next part of the line at `at`; returns where reading goes on, or -1 when more bytes are needed first. */
  take(at: number, end: number, found: number): number {
    const { bytes, maxLineBytes, takesPartial } = this.#window;
    const length = end - at;
    // Two more bytes could still turn out to be the line's end, which does not count.
    if (length > maxLineBytes && (found >= 0 || takesPartial || length >= maxLineBytes + 2)) {
      if (!this.isOpen) this.splitCount++;
      const cut = cutBetweenCharacters(bytes, at, at + maxLineBytes);
      this.#append(at, cut, 'true');
      return cut;
    }
    if (found >= 0) {
      // A part that was taken before its newline came is whole already when nothing but the line's end follows.
      if (length > 0) this.#append(at, end, 'false');
      this.split = noSplit;
      return found + 1;
    }
    if (!takesPartial || length === 0) return -1;
    this.#append(at, end, 'unknown');
    return end;
  }

  #append(at: number, end: number, more: 'true' | 'false' | 'unknown'): void {
    const { bytes, start, position, timestampMs } = this.#window;
    const linePosition = this.isOpen ? this.split.linePosition : position + at - start;
    const headers = splitHeaders(linePosition, this.split.part, more);
    this.#appender.appendRecord({ key: null, value: bytes.subarray(at, end), headers, timestampMs });
    this.split = { linePosition, part: this.split.part + 1 };
    this.recordCount++;
  }
}

/** Lets a reader put the parts together: where the line starts, which part this is, and whether more follow. */
function splitHeaders(linePosition: number, part: number, more: string): RecordHeader[] {
  return [
    { key: 'millrace.split.line', value: Buffer.from(String(linePosition)) },
    { key: 'millrace.split.part', value: Buffer.from(String(part)) },
    { key: 'millrace.split.more', value: Buffer.from(more) },
  ];
}

/** Moves a cut back to before a UTF-8 character that it would divide; other bytes are cut where they are. */
function cutBetweenCharacters(bytes: Buffer, at: number, cut: number): number {
  for (let back = 0; back < 4 && cut - back > at; back++) {
    if ((bytes[cut - back]! & 0xc0) !== 0x80) return cut - back;
  }
  return cut;
}
