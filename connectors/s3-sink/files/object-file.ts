/** One object being written: records into chunks, chunks compressed in order, compressed bytes into parts. */

import { randomUUID } from 'node:crypto';
import type { SinkRecords, TopicPartition } from '../../contract/record.ts';
import type { PreparedFile } from '../commit/checkpoint.ts';
import type { Verdict } from '../formats/format.ts';
import type { Route } from '../partitioners/time-buckets.ts';
import { closesMs, type FileFacts, type RotationReason } from '../rotation.ts';
import { smallestBuffer } from './memory.ts';
import { PartStream } from './part-stream.ts';
import type { Workshop } from './workshop.ts';

export interface ObjectFileOptions {
  readonly workshop: Workshop;
  readonly at: TopicPartition;
  readonly route: Route;
  /** What the checkpoint files it under; null when a record read again may be routed elsewhere. */
  readonly rangePath: string | null;
  readonly firstOffset: number;
  /** Record time of the first record, NaN when it does not count. */
  readonly firstTimeMs: number;
  /** The latest record time seen in the partition. */
  readonly watermarkMs: number;
  readonly signal: AbortSignal;
  readonly onFailure: (error: unknown) => void;
}

/** A file's first chunk starts at most this large. */
const firstChunk = 64 * 1024;

const none: Buffer = Buffer.alloc(0);

export class ObjectFile implements FileFacts {
  readonly at: TopicPartition;
  readonly path: string;
  readonly key: string;
  readonly firstOffset: number;
  readonly openedMs: number;
  readonly firstTimeMs: number;
  readonly closesMs: number;
  readonly #rangePath: string | null;
  readonly #workshop: Workshop;
  readonly #token = randomUUID();
  readonly #stream: PartStream;
  readonly #onFailure: (error: unknown) => void;
  #chunk = none;
  #used = 0;
  #records = 0;
  #lastOffset: number;
  /** Bytes of sealed chunks whose compressed size is not known yet. */
  #encodingBytes = 0;
  #encoded: Promise<void> = Promise.resolve();
  #heldBytes = 0;
  #closedBy: RotationReason | undefined;
  #isAbandoned = false;

  constructor(options: ObjectFileOptions) {
    const { workshop, at, route, firstOffset } = options;
    this.at = at;
    this.path = route.path;
    this.key = workshop.names.object(at, route.path, firstOffset);
    this.firstOffset = firstOffset;
    this.#lastOffset = firstOffset;
    this.openedMs = workshop.clock.monotonicMs();
    this.firstTimeMs = options.firstTimeMs;
    this.closesMs = closesMs(route.endMs, options.watermarkMs, workshop.limits);
    this.#rangePath = options.rangePath;
    this.#workshop = workshop;
    this.#onFailure = options.onFailure;
    this.#stream = new PartStream({
      workshop,
      key: this.key,
      signal: options.signal,
      metadata: () => this.#metadata(),
      onHeld: (delta) => this.#held(delta),
      onFailure: options.onFailure,
    });
    workshop.fileOpened();
  }

  get records(): number {
    return this.#records;
  }

  /** Memory that closing the file would free soon. */
  get heldBytes(): number {
    return this.#heldBytes;
  }

  /** Bytes as stored, with a guess for what is not compressed yet. */
  get storedBytes(): number {
    return this.#stream.storedBytes + (this.#encodingBytes + this.#used) * this.#workshop.ratio;
  }

  get isFull(): boolean {
    return this.#stream.isFull || this.storedBytes >= this.#workshop.limits.storedBytes;
  }

  /** Copies the record's value. Answers true when memory was taken for it, which is when sizes are worth a look. */
  append(records: SinkRecords, bytes: Buffer, start: number, end: number, verdict: Verdict): boolean {
    const { format } = this.#workshop;
    const room = end - start + format.extraBytes;
    const grows = this.#used + room > this.#chunk.length;
    if (grows) this.#makeRoom(room);
    this.#used = format.write(this.#chunk, this.#used, bytes, start, end, verdict);
    this.#records++;
    this.#lastOffset = records.offset;
    return grows;
  }

  /** Uploads a part early to free memory; answers whether that was possible. */
  cutEarly(): boolean {
    return this.#stream.cutEarly();
  }

  /** Takes no more records. Resolves when every byte is stored and only the completion is missing. */
  async finish(reason: RotationReason): Promise<PreparedFile> {
    this.#close(reason);
    if (this.#used > 0) this.#seal();
    await this.#encoded;
    const { upload, parts } = await this.#stream.finish();
    return {
      path: this.#rangePath,
      first: this.firstOffset,
      last: this.#lastOffset,
      key: this.key,
      uploadId: upload.uploadId,
      token: this.#token,
      parts,
      records: this.#records,
    };
  }

  /** Nothing of the file will be visible. The signal bounds the removal of its upload. */
  async abandon(signal: AbortSignal): Promise<void> {
    this.#isAbandoned = true;
    this.#close('revoked');
    this.#giveChunk();
    await this.#encoded.catch(() => undefined);
    await this.#stream.abandon(signal);
  }

  #close(reason: RotationReason): void {
    if (this.#closedBy !== undefined) return;
    this.#workshop.fileClosed(this.#heldBytes);
    this.#closedBy = reason;
  }

  #held(delta: number): void {
    this.#heldBytes += delta;
    if (this.#closedBy === undefined) this.#workshop.held(delta);
  }

  #makeRoom(room: number): void {
    const { memory } = this.#workshop;
    const limit = this.#workshop.chunkBytes();
    const needed = this.#used + room;
    if (this.#used > 0 && (needed > limit || this.#chunk.length >= limit)) this.#seal();
    const isFirst = this.#stream.storedBytes === 0 && this.#encodingBytes === 0;
    const wanted = isFirst ? Math.min(limit, Math.max(this.#chunk.length * 2, Math.min(firstChunk, limit / 8))) : limit;
    const chunk = memory.take(Math.max(this.#used + room, wanted, smallestBuffer));
    this.#held(chunk.length);
    this.#chunk.copy(chunk, 0, 0, this.#used);
    this.#giveChunk();
    this.#chunk = chunk;
  }

  #giveChunk(): void {
    if (this.#chunk.length === 0) return;
    this.#held(-this.#chunk.length);
    this.#workshop.memory.give(this.#chunk);
    this.#chunk = none;
  }

  /** Hands the chunk to the codec; several may be compressed at once, their results are stored in order. */
  #seal(): void {
    const chunk = this.#chunk;
    const rawBytes = this.#used;
    this.#held(-chunk.length);
    this.#chunk = none;
    this.#used = 0;
    this.#encodingBytes += rawBytes;
    this.#encoded = this.#storeNext(this.#encoded, this.#encode(chunk, rawBytes), rawBytes);
    this.#encoded = this.#encoded.finally(() => this.#workshop.memory.give(chunk));
    this.#encoded.catch(this.#onFailure);
  }

  async #encode(chunk: Buffer, rawBytes: number): Promise<readonly Buffer[]> {
    let storedBytes: number | undefined;
    this.#workshop.encoding(rawBytes);
    try {
      const pieces = await this.#workshop.codec.encode(chunk.subarray(0, rawBytes));
      storedBytes = pieces.reduce((sum, piece) => sum + piece.length, 0);
      return pieces;
    } finally {
      this.#workshop.encoded(rawBytes, storedBytes);
    }
  }

  async #storeNext(before: Promise<void>, encoding: Promise<readonly Buffer[]>, rawBytes: number): Promise<void> {
    const [, pieces] = await Promise.all([before, encoding]);
    this.#encodingBytes -= rawBytes;
    if (!this.#isAbandoned) for (const piece of pieces) this.#stream.append(piece);
  }

  /** Metadata is given when an upload starts: only objects that fit one part can say where they end. */
  #metadata(): Record<string, string> {
    const known = {
      'millrace-upload': this.#token,
      'millrace-topic': this.at.topic,
      'millrace-partition': String(this.at.partition),
      'millrace-first-offset': String(this.firstOffset),
    };
    if (this.#closedBy === undefined) return known;
    return {
      ...known,
      'millrace-last-offset': String(this.#lastOffset),
      'millrace-records': String(this.#records),
      'millrace-closed-by': this.#closedBy,
    };
  }
}
