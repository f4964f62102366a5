/** Gathers the bytes of one object into parts of one size and uploads them while more bytes come. */

import { crc32 } from 'node:zlib';
import type { StoredPart, Upload } from '../store/store.ts';
import type { Workshop } from './workshop.ts';

/** What S3 demands of every part but the last. */
const smallestPart = 5 * 1024 * 1024;

/** S3 allows 10,000; the last one is kept for the rest of the file. */
const mostFullParts = 9_999;

export interface PartStreamOptions {
  readonly workshop: Workshop;
  readonly key: string;
  readonly signal: AbortSignal;
  /** Metadata of the object, asked for when its upload is created. */
  readonly metadata: () => Readonly<Record<string, string>>;
  /** The memory held for bytes that are in no part yet changed by so much. */
  readonly onHeld: (deltaBytes: number) => void;
  readonly onFailure: (error: unknown) => void;
}

export class PartStream {
  readonly #options: PartStreamOptions;
  #partBytes: number;
  #buffer: Buffer | undefined;
  #used = 0;
  #cutBytes = 0;
  #upload: Promise<Upload> | undefined;
  readonly #parts: Promise<StoredPart>[] = [];

  constructor(options: PartStreamOptions) {
    this.#options = options;
    this.#partBytes = options.workshop.partBytes;
  }

  /** Bytes taken so far. */
  get storedBytes(): number {
    return this.#cutBytes + this.#used;
  }

  get isFull(): boolean {
    return this.#parts.length >= mostFullParts;
  }

  /** Copies `bytes`; starts the upload of each part that gets full. */
  append(bytes: Buffer): void {
    let position = 0;
    while (position < bytes.length) {
      const count = Math.min(this.#partBytes - this.#used, bytes.length - position);
      const buffer = this.#roomFor(count);
      bytes.copy(buffer, this.#used, position, position + count);
      this.#used += count;
      position += count;
      if (this.#used === this.#partBytes) this.#cut();
    }
  }

  /**
   * Uploads what is there before a part is full, and gives the memory back. Some stores want all parts but the last to
   * be equal, so the first cut sets the size of those that follow. Returns whether it helped.
   */
  cutEarly(): boolean {
    if (this.#parts.length > 0 || this.#used < smallestPart) return false;
    this.#partBytes = this.#used;
    this.#cut();
    return true;
  }

  /** Uploads the rest. Resolves when every part is stored. */
  async finish(): Promise<{ upload: Upload; parts: StoredPart[] }> {
    if (this.#used > 0 || this.#parts.length === 0) this.#cut();
    const parts = await Promise.all(this.#parts);
    return { upload: await this.#upload!, parts };
  }

  /** Gives the memory back and removes the upload; parts on their way give theirs back when their calls end. */
  async abandon(signal: AbortSignal): Promise<void> {
    this.#letGo();
    const upload = await this.#upload?.catch(() => undefined);
    await Promise.allSettled(this.#parts);
    if (upload !== undefined) await this.#options.workshop.calls.abort(upload, signal);
  }

  #roomFor(count: number): Buffer {
    const { memory } = this.#options.workshop;
    const old = this.#buffer;
    if (old !== undefined && this.#used + count <= old.length) return old;
    // A file that filled a part fills the next one too, most likely.
    const wanted = this.#parts.length > 0 ? this.#partBytes : this.#used * 2;
    const grown = memory.take(Math.min(this.#partBytes, Math.max(this.#used + count, wanted)));
    this.#options.onHeld(grown.length - (old?.length ?? 0));
    if (old !== undefined) {
      old.copy(grown, 0, 0, this.#used);
      memory.give(old);
    }
    this.#buffer = grown;
    return grown;
  }

  #cut(): void {
    const { workshop, onHeld, onFailure } = this.#options;
    const buffer = this.#buffer ?? workshop.memory.take(1);
    if (this.#buffer !== undefined) onHeld(-buffer.length);
    const body = buffer.subarray(0, this.#used);
    const position = this.#cutBytes;
    this.#cutBytes += this.#used;
    this.#buffer = undefined;
    this.#used = 0;
    const stored = this.#store(this.#parts.length + 1, position, body).finally(() => workshop.memory.give(buffer));
    stored.catch(onFailure);
    this.#parts.push(stored);
  }

  async #store(partNumber: number, position: number, body: Buffer): Promise<StoredPart> {
    const { workshop, key, metadata, signal } = this.#options;
    this.#upload ??= workshop.calls.createUpload({ key, metadata: metadata() }, signal);
    const upload = await this.#upload;
    const part = await workshop.calls.putPart(upload, { partNumber, position, body, crc32: crc32(body) }, signal);
    workshop.gauges.add('parts_total', 1);
    workshop.gauges.add('stored_bytes_total', body.length);
    return part;
  }

  #letGo(): void {
    if (this.#buffer === undefined) return;
    this.#options.onHeld(-this.#buffer.length);
    this.#options.workshop.memory.give(this.#buffer);
    this.#buffer = undefined;
    this.#used = 0;
  }
}
