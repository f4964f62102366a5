/** How a value is written into an object: as a JSON line, as a line of text, or as it is. */

import type { MillraceError } from '../../../core/base/errors.ts';
import { JsonChecker } from '../../../core/base/kernels/json-checker.ts';
import type { S3SinkConfig } from '../config.ts';
import { s3Errors } from '../error-codes.ts';
import { checkJson, jsonBad, jsonClean, jsonHasBreaks } from './json-check.ts';
import { LineBreaks } from './line-breaks.ts';

/** What `check` found: 0 cannot be written, 1 as it is, 2 with its line breaks turned into spaces. */
export type Verdict = 0 | 1 | 2;

export interface Format {
  /** What object names end in. */
  readonly extension: string;
  /** The most bytes a value grows by. */
  readonly extraBytes: number;
  /** Stands for a record without value where those are written. */
  readonly nullValue: Buffer;
  /** Called before each run of records: bytes seen before may have changed. */
  startRun(): void;
  check(bytes: Buffer, start: number, end: number): Verdict;
  /** Writes `bytes[start, end)` and what belongs behind it; returns the position behind that. */
  write(into: Buffer, position: number, bytes: Buffer, start: number, end: number, verdict: Verdict): number;
  /** Why a value with verdict 0 cannot be written. */
  complaint(): MillraceError;
}

const newline = 0x0a;
const carriageReturn = 0x0d;
const space = 0x20;
const empty = Buffer.alloc(0);

export function createFormat(config: S3SinkConfig): Format {
  switch (config.format) {
    case 'jsonl':
      return jsonLines(config['json.check']);
    case 'text':
      return textLines(config['text.newlines']);
    case 'bytes':
      return rawBytes(readEscapes(config['format.bytearray.separator']), config['format.bytearray.extension']);
  }
}

function jsonLines(level: S3SinkConfig['json.check']): Format {
  const breaks = new LineBreaks();
  const checker = new JsonChecker();
  const checks = { full: fullCheck(checker), light: lightCheck(breaks), none: (): Verdict => jsonClean } as const;
  return {
    extension: '.jsonl',
    extraBytes: 1,
    nullValue: Buffer.from('null'),
    startRun: () => {
      breaks.reset();
      checker.reset();
    },
    check: checks[level],
    write: writeLine,
    complaint: () => s3Errors.error('bad-json', { message: 'the value is not a JSON document' }),
  };
}

/** The kernel for what it takes, which is nearly everything; the plain check for documents that are larger. */
function fullCheck(checker: JsonChecker): Format['check'] {
  return (bytes, start, end) =>
    end - start <= JsonChecker.mostBytes ? (checker.check(bytes, start, end) as Verdict) : checkJson(bytes, start, end);
}

/** Looks at both ends only: enough to tell text from JSON, not broken JSON from whole. */
function lightCheck(breaks: LineBreaks): Format['check'] {
  return (bytes, start, end) => {
    let first = start;
    let last = end - 1;
    while (first < end && bytes[first]! <= space) first++;
    while (last > first && bytes[last]! <= space) last--;
    if (first >= end || !endsMatch(bytes[first]!, bytes[last]!, last - first)) return jsonBad;
    return breaks.isIn(bytes, start, end) ? jsonHasBreaks : jsonClean;
  };
}

function endsMatch(first: number, last: number, span: number): boolean {
  switch (first) {
    case 0x7b: // {
      return last === 0x7d;
    case 0x5b: // [
      return last === 0x5d;
    case 0x22: // "
      return last === 0x22 && span > 0;
    case 0x74: // true
    case 0x66: // false
      return last === 0x65;
    case 0x6e: // null
      return last === 0x6c;
    default:
      return (first === 0x2d || (first >= 0x30 && first <= 0x39)) && (span > 0 || first !== 0x2d);
  }
}

function textLines(newlines: S3SinkConfig['text.newlines']): Format {
  const breaks = new LineBreaks();
  const onBreak: Verdict = newlines === 'fail' ? 0 : 2;
  return {
    extension: '.txt',
    extraBytes: 1,
    nullValue: empty,
    startRun: () => breaks.reset(),
    check: newlines === 'keep' ? () => 1 : (bytes, start, end) => (breaks.isIn(bytes, start, end) ? onBreak : 1),
    write: writeLine,
    complaint: () => s3Errors.error('bad-text', { message: 'the value has a line break' }),
  };
}

function rawBytes(separator: Buffer, extension: string): Format {
  return {
    extension,
    extraBytes: separator.length,
    nullValue: empty,
    startRun() {},
    check: () => 1,
    write(into, position, bytes, start, end) {
      const after = position + bytes.copy(into, position, start, end);
      return separator.length === 0 ? after : after + separator.copy(into, after);
    },
    complaint: () => s3Errors.error('bad-text', { message: 'the value cannot be written' }),
  };
}

function writeLine(
  into: Buffer,
  position: number,
  bytes: Buffer,
  start: number,
  end: number,
  verdict: Verdict,
): number {
  bytes.copy(into, position, start, end);
  const after = position + end - start;
  if (verdict === jsonHasBreaks) spaceOut(into, position, after);
  into[after] = newline;
  return after + 1;
}

function spaceOut(into: Buffer, start: number, end: number): void {
  for (let i = start; i < end; i++) if (into[i] === newline || into[i] === carriageReturn) into[i] = space;
}

/** The bytes of a setting in which `\n`, `\r`, `\t`, `\0` and `\\` stand for single characters. */
function readEscapes(text: string): Buffer {
  const meanings: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t', 0: '\0', '\\': '\\' };
  return Buffer.from(text.replaceAll(/\\([nrt0\\])/g, (_whole, sign: string) => meanings[sign]!));
}
