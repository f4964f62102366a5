/** What waits for the next commit of one file: who is answered, and the bytes, as long as the write-ahead log may take them. */

import type { DiskFile } from '../base/disk.ts';
import type { SegmentWrite, Urgency } from './segment-write.ts';
import { entrySizeBytes } from './wal-format.ts';
import type { WalWrite } from './write-ahead-log.ts';

/** More of one file is written only once: its own sync costs less than writing it twice. */
const largestSharedBytes = 256 * 1024;

interface Waiter {
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/** All that waited for one file when a round began. */
export interface Taken {
  /** Undefined when only a sync of the file will do. */
  readonly write: WalWrite | undefined;
  readonly copiedBytes: number;
  /** To be called, first, when the file itself was synced. */
  onSynced(): void;
  resolve(): void;
  reject(error: unknown): void;
}

export class PendingFile {
  readonly #file: DiskFile;
  #waiters: Waiter[] = [];
  #first: SegmentWrite | undefined;
  #last: SegmentWrite | undefined;
  #buffers: Uint8Array[] = [];
  #bytes = 0;
  #copiedBytes = 0;
  #isShared = true;

  constructor(file: DiskFile) {
    this.#file = file;
  }

  get isEmpty(): boolean {
    return this.#waiters.length === 0;
  }

  /** True when the write-ahead log may take all that waits. */
  get isShared(): boolean {
    return this.#isShared && this.#first !== undefined;
  }

  /** What an entry of the write-ahead log would take. */
  get entryBytes(): number {
    return entrySizeBytes(this.#entry()!);
  }

  get copiedBytes(): number {
    return this.#copiedBytes;
  }

  /** Bytes that are good during the call alone are copied, as long as `copyLimitBytes` allows. */
  add(write: SegmentWrite, urgency: Urgency, copyLimitBytes: number): Promise<void> {
    this.#first ??= write;
    this.#last = write;
    for (const buffer of write.buffers) this.#bytes += buffer.byteLength;
    if (urgency === 'file' || this.#bytes >= largestSharedBytes) this.#giveUpSharing();
    if (this.#isShared && write.isAnswered) this.#copy(write, copyLimitBytes);
    else if (this.#isShared) this.#buffers.push(...write.buffers);
    return new Promise((resolve, reject) => this.#waiters.push({ resolve, reject }));
  }

  take(): Taken {
    const waiters = this.#waiters;
    const last = this.#last!;
    const taken: Taken = {
      write: this.isShared ? this.#entry() : undefined,
      copiedBytes: this.#copiedBytes,
      onSynced: () => last.onSynced(),
      resolve: () => {
        for (const waiter of waiters) waiter.resolve();
      },
      reject: (error) => {
        for (const waiter of waiters) waiter.reject(error);
      },
    };
    this.#waiters = [];
    this.#first = undefined;
    this.#last = undefined;
    this.#buffers = [];
    this.#bytes = 0;
    this.#copiedBytes = 0;
    this.#isShared = true;
    return taken;
  }

  #copy({ buffers }: SegmentWrite, copyLimitBytes: number): void {
    let bytes = 0;
    for (const buffer of buffers) bytes += buffer.byteLength;
    if (bytes > copyLimitBytes) {
      this.#giveUpSharing();
      return;
    }
    for (const buffer of buffers) this.#buffers.push(Buffer.from(buffer));
    this.#copiedBytes += bytes;
  }

  #giveUpSharing(): void {
    this.#isShared = false;
    this.#buffers = [];
  }

  #entry(): WalWrite | undefined {
    const first = this.#first;
    const last = this.#last;
    if (first === undefined || last === undefined) return undefined;
    const { origin, position } = first;
    return {
      file: this.#file,
      origin,
      position,
      nextOffset: last.nextOffset,
      buffers: this.#buffers,
      onSynced: last.onSynced,
    };
  }
}
