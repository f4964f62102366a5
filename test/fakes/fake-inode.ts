/** The bytes of one file on the fake disk: those that are durable, and the changes since then in the order they were made. */

import type { Crash } from './crash.ts';

type Change =
  | { readonly kind: 'write'; readonly position: number; readonly bytes: Buffer }
  | { readonly kind: 'truncate'; readonly size: number };

export class FakeInode {
  #content: Buffer = Buffer.alloc(0);
  #size = 0;
  #durable: Buffer = Buffer.alloc(0);
  #changes: Change[] = [];

  get size(): number {
    return this.#size;
  }

  bytes(): Buffer {
    return Buffer.from(this.#content.subarray(0, this.#size));
  }

  read(into: Uint8Array, position: number): number {
    const count = Math.max(Math.min(into.byteLength, this.#size - position), 0);
    into.set(this.#content.subarray(position, position + count));
    return count;
  }

  write(bytes: Buffer, position: number): void {
    if (bytes.length === 0) return;
    const change: Change = { kind: 'write', position, bytes: Buffer.from(bytes) };
    this.#apply(change);
    this.#changes.push(change);
  }

  truncate(size: number): void {
    const change: Change = { kind: 'truncate', size };
    this.#apply(change);
    this.#changes.push(change);
  }

  /** How many changes are not durable; a sync that begins now makes them so. */
  get pendingCount(): number {
    return this.#changes.length;
  }

  /** The first `count` changes are durable now, all of them unless told. */
  settle(count = this.#changes.length): void {
    const later = this.#changes.slice(count);
    if (later.length === 0) this.#durable = this.bytes();
    else {
      const settled = new FakeInode();
      settled.setDurably(this.#durable);
      for (const change of this.#changes.slice(0, count)) settled.#apply(change);
      this.#durable = settled.bytes();
    }
    this.#changes = later;
  }

  setDurably(content: Uint8Array): void {
    this.#content = Buffer.from(content);
    this.#size = content.byteLength;
    this.#durable = this.bytes();
    this.#changes = [];
  }

  /** Back to the durable bytes and as many of the later changes as the crash keeps, the last of them maybe in part. */
  losePower(crash: Extract<Crash, { kind: 'power' }>): void {
    const changes = this.#changes;
    this.#content = Buffer.from(this.#durable);
    this.#size = this.#durable.length;
    this.#changes = [];
    const kept = crash.keptWrites?.(changes.length) ?? 0;
    for (const change of changes.slice(0, kept)) this.#apply(change);
    const torn = changes[kept];
    if (torn?.kind !== 'write') return;
    const keptBytes = crash.keptBytes?.(torn.bytes.length) ?? 0;
    if (keptBytes > 0) this.#apply({ ...torn, bytes: torn.bytes.subarray(0, keptBytes) });
  }

  #apply(change: Change): void {
    if (change.kind === 'truncate') {
      this.#grow(change.size);
      if (change.size < this.#size) this.#content.fill(0, change.size, this.#size);
      this.#size = change.size;
      return;
    }
    const end = change.position + change.bytes.length;
    this.#grow(end);
    change.bytes.copy(this.#content, change.position);
    this.#size = Math.max(this.#size, end);
  }

  #grow(size: number): void {
    if (size <= this.#content.length) return;
    const grown = Buffer.alloc(Math.max(size, this.#content.length * 2));
    this.#content.copy(grown, 0, 0, this.#size);
    this.#content = grown;
  }
}
