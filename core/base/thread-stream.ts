/**
 * An ordered byte stream in both directions between two threads of this process: what TCP over loopback would be, without
 * the kernel. Bytes go through two rings in shared memory; a message port only wakes the other side.
 */

import { MessageChannel, type MessagePort } from 'node:worker_threads';
import { allocateRing, ByteRing } from './byte-ring.ts';

export interface ThreadStreamEvents {
  /** The bytes are valid until the call returns; what is kept must be copied. */
  onData(chunk: Buffer): void;
  /** The other side writes nothing more; it may still read. */
  onEnd(): void;
  /** Nothing can be read or written any more, also because the other thread is gone; called exactly once. */
  onClose(): void;
}

/** One side of a stream as it is sent to the thread it belongs to; `port` is transferred. */
export interface ThreadStreamEnd {
  readonly port: MessagePort;
  readonly incoming: SharedArrayBuffer;
  readonly outgoing: SharedArrayBuffer;
  /** See the slots below. */
  readonly flags: SharedArrayBuffer;
  readonly side: 0 | 1;
}

/** Waking a thread costs more than copying half of this; a writer that outruns the reader is woken when that much is free. */
const ringBytes = 2 * 1024 * 1024;

/** Bytes taken in one go before other work of the thread has its turn. */
const readAtOnceBytes = 2 * ringBytes;

/** For each side, four slots: a wake-up is on its way to it; it waits for room to write; it has ended its writing. */
const wokenSlot = 0;
const starvedSlot = 1;
const endedSlot = 2;
const slotsPerSide = 4;

/** The two ends of a new stream. */
export function threadStreamPair(): [ThreadStreamEnd, ThreadStreamEnd] {
  const { port1, port2 } = new MessageChannel();
  const [there, back] = [allocateRing(ringBytes), allocateRing(ringBytes)];
  const flags = new SharedArrayBuffer(4 * 2 * slotsPerSide);
  return [
    { port: port1, incoming: back, outgoing: there, flags, side: 0 },
    { port: port2, incoming: there, outgoing: back, flags, side: 1 },
  ];
}

/** Of the thread: what was taken last, out of the shared memory, where every access by the way is slow. */
const taken = Buffer.allocUnsafeSlow(64 * 1024);

interface Pending {
  readonly bytes: Uint8Array;
  /** Of `bytes` that are in the ring already. */
  doneBytes: number;
  readonly onWritten: (() => void) | undefined;
}

export class ThreadStream {
  readonly #port: MessagePort;
  readonly #incoming: ByteRing;
  readonly #outgoing: ByteRing;
  readonly #flags: Int32Array;
  readonly #own: number;
  readonly #peer: number;
  #events: ThreadStreamEvents | undefined;
  /** Written, but not in the ring yet; in order. */
  #pending: Pending[] = [];
  #isPaused = false;
  #isReading = false;
  #isEnding = false;
  #isEndSeen = false;
  #isClosed = false;

  constructor({ port, incoming, outgoing, flags, side }: ThreadStreamEnd) {
    this.#port = port;
    this.#incoming = new ByteRing(incoming);
    this.#outgoing = new ByteRing(outgoing);
    this.#flags = new Int32Array(flags);
    this.#own = side * slotsPerSide;
    this.#peer = (1 - side) * slotsPerSide;
  }

  /** Once, before anything else; what came before is delivered soon after. */
  bind(events: ThreadStreamEvents): void {
    this.#events = events;
    this.#port.on('message', () => this.#onWake());
    this.#port.on('close', () => this.#close());
  }

  /** Sends the pieces in order. They must not change until `onWritten` was called, or the stream closed. */
  write(pieces: readonly Uint8Array[], onWritten?: () => void): void {
    if (this.#isClosed) return;
    const last = pieces.length - 1;
    for (let index = 0; index <= last; index++) {
      this.#pending.push({ bytes: pieces[index]!, doneBytes: 0, onWritten: index === last ? onWritten : undefined });
    }
    this.#flush();
  }

  /** Stops `onData`, except for a chunk that is being delivered; the other side soon finds no room. */
  pause(): void {
    this.#isPaused = true;
  }

  resume(): void {
    this.#isPaused = false;
    // Not at once: whoever resumes may be in the middle of a chunk.
    setImmediate(() => this.#read());
  }

  /** Sends what was written, then closes. */
  end(): void {
    this.#isEnding = true;
    if (!this.#isClosed) this.#flush();
  }

  /** Closes at once; `onClose` follows on both sides. */
  destroy(): void {
    if (!this.#isClosed) this.#port.close();
    this.#pending = [];
  }

  #onWake(): void {
    // Before the look at the rings: what comes after it wakes again.
    Atomics.store(this.#flags, this.#own + wokenSlot, 0);
    this.#flush();
    this.#read();
  }

  #flush(): void {
    let isAdded = false;
    while (this.#pending.length > 0) {
      const next = this.#pending[0]!;
      const count = this.#outgoing.write(next.bytes, next.doneBytes);
      isAdded ||= count > 0;
      next.doneBytes += count;
      if (next.doneBytes < next.bytes.length) {
        if (count > 0) continue;
        // Said first, looked at again after: the reader that made room in between sees it, or we see the room.
        if (Atomics.exchange(this.#flags, this.#own + starvedSlot, 1) === 1) break;
        continue;
      }
      this.#pending.shift();
      next.onWritten?.();
    }
    if (this.#pending.length === 0 && this.#isEnding) {
      Atomics.store(this.#flags, this.#own + endedSlot, 1);
      isAdded = true;
    }
    if (isAdded) this.#wakePeer();
  }

  #wakePeer(): void {
    if (this.#isClosed || Atomics.exchange(this.#flags, this.#peer + wokenSlot, 1) === 1) return;
    this.#port.postMessage(0);
  }

  /** There is room again for what the other side could not write. */
  #feedPeer(): void {
    if (Atomics.load(this.#flags, this.#peer + starvedSlot) === 0) return;
    Atomics.store(this.#flags, this.#peer + starvedSlot, 0);
    this.#wakePeer();
  }

  #read(): void {
    // A chunk's consumer may resume or write, and come back here.
    if (this.#isReading || this.#isClosed) return;
    this.#isReading = true;
    let takenBytes = 0;
    while (!this.#isPaused && !this.#isClosed && takenBytes < readAtOnceBytes) {
      const count = this.#incoming.read(taken);
      if (count === 0) break;
      takenBytes += count;
      this.#events?.onData(count === taken.length ? taken : taken.subarray(0, count));
      if (this.#incoming.usedBytes <= ringBytes / 2) this.#feedPeer();
    }
    this.#isReading = false;
    if (takenBytes >= readAtOnceBytes) setImmediate(() => this.#read());
    else if (!this.#isPaused) this.#seeEnd();
  }

  /** The end is set after the last byte: once it is seen, an empty ring stays empty. */
  #seeEnd(): void {
    if (this.#isEndSeen || Atomics.load(this.#flags, this.#peer + endedSlot) === 0) return;
    if (this.#incoming.usedBytes > 0) {
      this.#read();
      return;
    }
    this.#isEndSeen = true;
    this.#events?.onEnd();
    // Whoever ended reads nothing more either.
    this.destroy();
  }

  #close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#pending = [];
    this.#events?.onClose();
  }
}
