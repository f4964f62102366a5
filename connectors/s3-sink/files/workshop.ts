/** What all open files of a task share: memory, codec, format, store and the measure of how much they hold. */

import type { Clock } from '../../../core/base/clock.ts';
import type { Logger } from '../../../core/base/logger.ts';
import type { Gauges } from '../../contract/source.ts';
import type { Format } from '../formats/format.ts';
import type { ObjectNames } from '../object-name.ts';
import type { RotationLimits } from '../rotation.ts';
import type { StoreCalls } from '../store/store-calls.ts';
import type { Codec } from './codec.ts';
import { type Memory, smallestBuffer } from './memory.ts';

export interface WorkshopOptions {
  readonly memory: Memory;
  readonly codec: Codec;
  readonly format: Format;
  readonly calls: StoreCalls;
  readonly names: ObjectNames;
  readonly limits: RotationLimits;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly gauges: Gauges;
  readonly partBytes: number;
  readonly mostOpenFiles: number;
}

/** A chunk is compressed as one: larger ones compress little better. */
const largestChunk = 1024 * 1024;

/** Chunks waiting to be compressed beyond this only cost memory: the compressors are busy. */
const mostEncodingBytes = 6 * largestChunk;

/** The share of the budget that open files may hold; the rest is for what is on its way to the store. */
const openShare = 0.75;

/** Closing files stops at this share, so that it is not needed again at once. */
const relievedShare = 0.5;

export class Workshop {
  readonly memory: Memory;
  readonly codec: Codec;
  readonly format: Format;
  readonly calls: StoreCalls;
  readonly names: ObjectNames;
  readonly limits: RotationLimits;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly gauges: Gauges;
  readonly partBytes: number;
  readonly mostOpenFiles: number;
  #ratio: number;
  #openBytes = 0;
  #openFiles = 0;
  #encodingBytes = 0;

  constructor(options: WorkshopOptions) {
    this.memory = options.memory;
    this.codec = options.codec;
    this.format = options.format;
    this.calls = options.calls;
    this.names = options.names;
    this.limits = options.limits;
    this.clock = options.clock;
    this.logger = options.logger;
    this.gauges = options.gauges;
    this.partBytes = options.partBytes;
    this.mostOpenFiles = options.mostOpenFiles;
    this.#ratio = options.codec.firstRatio;
  }

  /** Stored bytes per byte written, as lately seen. */
  get ratio(): number {
    return this.#ratio;
  }

  get openFiles(): number {
    return this.#openFiles;
  }

  /** Whether open files hold so much, or are so many, that some must close. */
  get isCrowded(): boolean {
    return this.#openBytes > this.memory.budgetBytes * openShare || this.#openFiles > this.mostOpenFiles;
  }

  get isRelieved(): boolean {
    return this.#openBytes <= this.memory.budgetBytes * relievedShare && this.#openFiles <= this.mostOpenFiles * 0.9;
  }

  /** Whether `put` must stop until work under way gives memory back. */
  get isShort(): boolean {
    return this.memory.usedBytes > this.memory.budgetBytes || this.#encodingBytes > mostEncodingBytes;
  }

  /** How large a chunk may grow: many open files get small ones; a small target needs steps it can be met with. */
  chunkBytes(): number {
    const share = (this.memory.budgetBytes * relievedShare) / Math.max(1, this.#openFiles);
    const most = Math.min(largestChunk, share, this.limits.storedBytes / 8);
    return most <= smallestBuffer ? smallestBuffer : 2 ** Math.floor(Math.log2(most));
  }

  fileOpened(): void {
    this.#openFiles++;
    this.gauges.set('open_files', this.#openFiles);
  }

  /** `heldBytes` is what the file held when it closed. */
  fileClosed(heldBytes: number): void {
    this.#openFiles--;
    this.#openBytes -= heldBytes;
    this.gauges.set('open_files', this.#openFiles);
  }

  /** An open file holds so many bytes more. */
  held(deltaBytes: number): void {
    this.#openBytes += deltaBytes;
  }

  /** A chunk of `rawBytes` goes to the codec. */
  encoding(rawBytes: number): void {
    this.#encodingBytes += rawBytes;
  }

  /** It came back with so many bytes, undefined when the codec failed. */
  encoded(rawBytes: number, storedBytes: number | undefined): void {
    this.#encodingBytes -= rawBytes;
    if (storedBytes !== undefined) this.#ratio += (storedBytes / rawBytes - this.#ratio) * 0.25;
  }
}
