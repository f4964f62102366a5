/** Plays the services whose logs are read: appends to many files and rotates them, by rename and by copytruncate. */

import { appendFileSync, copyFileSync, existsSync, mkdirSync, renameSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import { makeLine } from './lines.ts';

export interface LogWriterOptions {
  readonly folder: string;
  readonly streamCount: number;
  readonly random: () => number;
  /** Lines per append call. */
  readonly linesPerWrite: number;
}

/** One stream is one service; its lines are numbered from 0 over all its rotated files. */
export class LogWriter {
  readonly #options: LogWriterOptions;
  readonly #nextSequence: number[];
  readonly #rotations: number[];

  constructor(options: LogWriterOptions) {
    this.#options = options;
    this.#nextSequence = new Array(options.streamCount).fill(0);
    this.#rotations = new Array(options.streamCount).fill(0);
    mkdirSync(options.folder, { recursive: true });
  }

  /** Lines written so far by each stream. */
  get counts(): readonly number[] {
    return this.#nextSequence;
  }

  path(stream: number): string {
    return join(this.#options.folder, `service-${String(stream).padStart(2, '0')}.log`);
  }

  append(stream: number, lineCount: number): void {
    const first = this.#nextSequence[stream] ?? 0;
    let text = '';
    for (let i = 0; i < lineCount; i += 1) text += `${makeLine(stream, first + i)}\n`;
    appendFileSync(this.path(stream), text);
    this.#nextSequence[stream] = first + lineCount;
  }

  /** The old name is inside the glob, so every line stays readable whatever the moment. */
  rotate(stream: number): void {
    const path = this.path(stream);
    if (!existsSync(path)) return;
    const rotation = (this.#rotations[stream] ?? 0) + 1;
    this.#rotations[stream] = rotation;
    const old = `${path}.${rotation}`;
    if (this.#options.random() < 0.5) {
      renameSync(path, old);
    } else {
      copyFileSync(path, old);
      truncateSync(path, 0);
    }
  }

  /** A burst of what services do: appends everywhere in random order, now and then a rotation. */
  step(): void {
    const { random, streamCount, linesPerWrite } = this.#options;
    for (let i = 0; i < streamCount; i += 1) {
      const stream = Math.floor(random() * streamCount);
      this.append(stream, 1 + Math.floor(random() * linesPerWrite));
      if (random() < 0.02) this.rotate(stream);
    }
  }
}
