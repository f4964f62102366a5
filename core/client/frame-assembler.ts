/** Cuts a byte stream into length-prefixed frames; large ones are received straight into a buffer of their own size. Pure. */

import { BatchMemory } from '../protocol/batch-memory.ts';
import { clientErrors } from './error-codes.ts';

/** Holds what arrives between large frames; a frame that does not fit gets its own buffer. */
const scratchBytes = 64 * 1024;

const prefixBytes = 4;

/** Large frames get memory in steps of this size, so that one that was given back fits the next. */
const stepBytes = 64 * 1024;

/** Memory of large frames that is kept for later ones: what is worked on and what was read ahead, twice. */
const keptBytes = 16 * 1024 * 1024;

/**
 * The stream is written into `room()` and announced with `filled(count)`. Each frame handed out is memory of its own,
 * without the length prefix; it is never reused unless it is given back.
 */
export class FrameAssembler {
  readonly #maxFrameBytes: number;
  readonly #where: string;
  readonly #onFrame: (frame: Buffer) => void;
  readonly #scratch = Buffer.allocUnsafeSlow(scratchBytes);
  /** Bytes of scratch that are filled and not yet cut into frames; they start at 0. */
  #pendingBytes = 0;
  #large: Buffer | undefined;
  #largeFilled = 0;
  readonly #memory = new BatchMemory({ maxBytes: keptBytes });
  /** What large frames were received into; only that may be given back. */
  readonly #lent = new WeakSet<ArrayBufferLike>();

  constructor(options: { maxFrameBytes: number; where: string; onFrame: (frame: Buffer) => void }) {
    this.#maxFrameBytes = options.maxFrameBytes;
    this.#where = options.where;
    this.#onFrame = options.onFrame;
  }

  /** Where the next bytes go; never empty. */
  room(): Buffer {
    return this.#large === undefined
      ? this.#scratch.subarray(this.#pendingBytes)
      : this.#large.subarray(this.#largeFilled);
  }

  /** The first `count` bytes of the last `room()` are filled. Throws `client/malformed` on an impossible length. */
  filled(count: number): void {
    if (this.#large === undefined) {
      this.#pendingBytes += count;
      this.#cut();
      return;
    }
    this.#largeFilled += count;
    if (this.#largeFilled < this.#large.length) return;
    const frame = this.#large;
    this.#large = undefined;
    this.#onFrame(frame);
  }

  /** Nobody reads the frame any more that these bytes are a part of. Small frames share their memory and are ignored. */
  giveBack(bytes: Buffer): void {
    if (this.#lent.delete(bytes.buffer)) this.#memory.give(bytes);
  }

  /** For streams that bring their own buffers: one copy into place. */
  push(chunk: Uint8Array): void {
    let position = 0;
    while (position < chunk.length) {
      const room = this.room();
      const count = Math.min(room.length, chunk.length - position);
      room.set(chunk.subarray(position, position + count));
      this.filled(count);
      position += count;
    }
  }

  #cut(): void {
    let position = 0;
    const end = this.#pendingBytes;
    while (end - position >= prefixBytes) {
      const frameBytes = this.#checkedLength(this.#scratch.readInt32BE(position));
      const available = end - position - prefixBytes;
      if (available < frameBytes) {
        if (prefixBytes + frameBytes <= scratchBytes / 4) break;
        this.#large = this.#lend(frameBytes);
        this.#scratch.copy(this.#large, 0, position + prefixBytes, end);
        this.#largeFilled = available;
        this.#pendingBytes = 0;
        return;
      }
      position += prefixBytes;
      const frame = Buffer.allocUnsafe(frameBytes);
      this.#scratch.copy(frame, 0, position, position + frameBytes);
      position += frameBytes;
      this.#onFrame(frame);
    }
    if (position > 0) this.#scratch.copyWithin(0, position, end);
    this.#pendingBytes = end - position;
  }

  #lend(frameBytes: number): Buffer {
    const memory = this.#memory.take(Math.ceil(frameBytes / stepBytes) * stepBytes);
    this.#lent.add(memory.buffer);
    return memory.subarray(0, frameBytes);
  }

  #checkedLength(frameBytes: number): number {
    if (frameBytes >= prefixBytes && frameBytes <= this.#maxFrameBytes) return frameBytes;
    throw clientErrors.error('malformed', {
      message: `A frame of ${frameBytes} bytes was announced; between ${prefixBytes} and ${this.#maxFrameBytes} are allowed`,
      where: this.#where,
    });
  }
}
