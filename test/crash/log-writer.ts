/** Plays the services whose logs are read: appends to many files and rotates them, by rename and by copytruncate. */

import { appendFileSync, copyFileSync, existsSync, mkdirSync, renameSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import { makeLine } from './lines.ts';

export interface LogWriterOptions {
  readonly folder: string;
  readonly serviceCount: number;
  readonly random: () => number;
  /** The most lines per append call. */
  readonly linesPerWrite: number;
}

interface Service {
  readonly path: string;
  /** Each file a service writes, from rotation to rotation, is a stream of its own: order is promised within a file. */
  stream: number;
  rotations: number;
}

export class LogWriter {
  readonly #random: () => number;
  readonly #linesPerWrite: number;
  readonly #services: readonly Service[];
  readonly #counts: number[];

  constructor({ folder, serviceCount, random, linesPerWrite }: LogWriterOptions) {
    this.#random = random;
    this.#linesPerWrite = linesPerWrite;
    this.#counts = new Array(serviceCount).fill(0);
    this.#services = Array.from({ length: serviceCount }, (_, index) => ({
      path: join(folder, `service-${String(index).padStart(2, '0')}.log`),
      stream: index,
      rotations: 0,
    }));
    mkdirSync(folder, { recursive: true });
  }

  /** Lines written so far to each stream. */
  get counts(): readonly number[] {
    return this.#counts;
  }

  append(index: number, lineCount: number): void {
    const { path, stream } = this.#service(index);
    const first = this.#counts[stream] ?? 0;
    let text = '';
    for (let i = 0; i < lineCount; i += 1) text += `${makeLine(stream, first + i)}\n`;
    appendFileSync(path, text);
    this.#counts[stream] = first + lineCount;
  }

  /** The old name is inside the glob, so every line stays readable whatever the moment. */
  rotate(index: number): void {
    const service = this.#service(index);
    if (!existsSync(service.path)) return;
    service.rotations += 1;
    const old = `${service.path}.${service.rotations}`;
    if (this.#random() < 0.5) {
      renameSync(service.path, old);
    } else {
      copyFileSync(service.path, old);
      truncateSync(service.path, 0);
    }
    service.stream = this.#counts.push(0) - 1;
  }

  /** A burst of what services do: appends everywhere in random order, now and then a rotation. */
  step(): void {
    for (let i = 0; i < this.#services.length; i += 1) {
      const index = Math.floor(this.#random() * this.#services.length);
      this.append(index, 1 + Math.floor(this.#random() * this.#linesPerWrite));
      if (this.#random() < 0.01) this.rotate(index);
    }
  }

  #service(index: number): Service {
    const service = this.#services[index];
    if (service === undefined) throw new RangeError(`no service ${index}`);
    return service;
  }
}
