/** One line at the bottom of a terminal that says how far a run is; log lines pass above it. */

import { formatBytes, formatCount } from './units.ts';

interface Progress {
  readonly sourceRecords: number;
  readonly sourceBytes: number;
  readonly sinkRecords: number;
  readonly files: number;
  readonly objects: number;
  readonly deadLetters: number;
}

export interface ProgressMoment extends Progress {
  readonly atMs: number;
}

/** What the line says, with rates between two moments. */
export function renderProgress(before: ProgressMoment, now: ProgressMoment): string {
  const seconds = Math.max(now.atMs - before.atMs, 1) / 1000;
  const linesPerSecond = (now.sourceRecords - before.sourceRecords) / seconds;
  const bytesPerSecond = (now.sourceBytes - before.sourceBytes) / seconds;
  const writtenPerSecond = (now.sinkRecords - before.sinkRecords) / seconds;
  const parts = [
    `read ${formatCount(now.sourceRecords)} lines, ${formatBytes(now.sourceBytes)} (${formatCount(linesPerSecond)}/s, ${formatBytes(bytesPerSecond)}/s)`,
    `written ${formatCount(now.sinkRecords)} (${formatCount(writtenPerSecond)}/s) in ${formatCount(now.objects)} objects`,
  ];
  if (now.deadLetters > 0) parts.push(`${formatCount(now.deadLetters)} dead letters`);
  return parts.join('   ');
}

const clearLine = '\r\x1b[2K';

/** Draws on a terminal only; everywhere else it stays silent, because the log says what a machine needs. */
export class ProgressLine {
  readonly #stream: NodeJS.WriteStream;
  #text = '';

  constructor(stream: NodeJS.WriteStream) {
    this.#stream = stream;
  }

  show(text: string): void {
    if (!this.#stream.isTTY) return;
    this.#text = text.slice(0, Math.max(20, this.#stream.columns - 1));
    this.#stream.write(clearLine + this.#text);
  }

  /** Runs something that writes whole lines to the same terminal. */
  around(write: () => void): void {
    if (this.#text !== '') this.#stream.write(clearLine);
    write();
    this.#stream.write(this.#text);
  }

  clear(): void {
    if (this.#text !== '') this.#stream.write(clearLine);
    this.#text = '';
  }
}
