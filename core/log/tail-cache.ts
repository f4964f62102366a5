/** The batches appended last, in memory: a consumer at the tail of a log is served without touching the disk. */

interface CachedBatch {
  readonly baseOffset: number;
  readonly nextOffset: number;
  readonly bytes: Buffer;
  readonly slab: Slab;
}

/** Memory that batches share: it goes round, because an allocation for each batch would keep the garbage collector busy. */
interface Slab {
  readonly bytes: Buffer;
  usedBytes: number;
  /** Cached batches in it; its memory counts until the last one is gone. */
  batchCount: number;
}

interface Tail {
  batches: CachedBatch[];
  /** Batches before this index were evicted. */
  first: number;
}

export interface CacheRead {
  readonly fromOffset: number;
  /** Only batches that end at or before this offset. */
  readonly limitOffset: number;
  readonly maxBytes: number;
  readonly minOneBatch: boolean;
  /** Where the copy goes; fresh memory unless told. */
  readonly memory?: { take(minBytes: number): Buffer } | undefined;
}

/** Batches up to this size are cached: it is the system calls that a small one saves. */
const largestCachedBytes = 64 * 1024;

/** Heap and allocator cost of one entry beside its bytes; measured on batches of 100 bytes that have memory of their own. */
const entryOverheadBytes = 800;

/** For less, memory that goes round would be larger than what is read. */
const leastBorrowedBytes = 4096;

const largestSlabBytes = 1024 * 1024;

/** Slabs the cache is made of at least; a batch that is larger than one has memory of its own. */
const leastSlabs = 16;

/** Empty slabs kept for the next batches: batches leave in the order they came, so more are hardly ever empty. */
const maxFreeSlabs = 2;

function newSlab(sizeBytes: number): Slab {
  return { bytes: Buffer.allocUnsafeSlow(sizeBytes), usedBytes: 0, batchCount: 0 };
}

/** Stands where an evicted batch was, so that nothing holds its bytes. */
const evicted: CachedBatch = { baseOffset: -1, nextOffset: -1, bytes: Buffer.alloc(0), slab: newSlab(0) };

/** Evicted entries are cut off an array when they are many and at least half of it: cutting each time would move the rest each time. */
function isMostlyEvicted(evictedCount: number, count: number): boolean {
  return evictedCount === count || (evictedCount >= 256 && evictedCount * 2 >= count);
}

/** Bounded by bytes over all logs; the batch that was added first goes first, whosever it is. */
export class TailCache {
  readonly #maxBytes: number;
  readonly #tails = new Map<object, Tail>();
  /** The owner of each cached batch, in the order they were added. */
  #order: object[] = [];
  #orderFirst = 0;
  #bytes = 0;
  readonly #slabBytes: number;
  /** Where the next batch goes. */
  #slab: Slab | undefined;
  readonly #freeSlabs: Slab[] = [];

  constructor(options: { maxBytes: number }) {
    this.#maxBytes = options.maxBytes;
    this.#slabBytes = Math.min(largestSlabBytes, Math.floor(options.maxBytes / leastSlabs));
  }

  get sizeBytes(): number {
    return this.#bytes;
  }

  /** Adds a copy of a batch behind the last one of its log. A large batch is not worth it: the file is read as fast as memory is copied. */
  add(owner: object, batch: Buffer, offsets: { baseOffset: number; nextOffset: number }): void {
    if (batch.length > Math.min(largestCachedBytes, this.#maxBytes / 4)) {
      this.drop(owner);
      return;
    }
    let tail = this.#tails.get(owner);
    if (tail === undefined) {
      tail = { batches: [], first: 0 };
      this.#tails.set(owner, tail);
    }
    tail.batches.push({ baseOffset: offsets.baseOffset, nextOffset: offsets.nextOffset, ...this.#copy(batch) });
    this.#order.push(owner);
    while (this.#bytes > this.#maxBytes) this.#evict();
  }

  #copy(batch: Buffer): Pick<CachedBatch, 'bytes' | 'slab'> {
    const slab = this.#slabFor(batch.length);
    const start = slab.usedBytes;
    slab.usedBytes += batch.length;
    slab.batchCount += 1;
    this.#bytes += entryOverheadBytes;
    slab.bytes.set(batch, start);
    return { bytes: slab.bytes.subarray(start, slab.usedBytes), slab };
  }

  #slabFor(sizeBytes: number): Slab {
    const isShared = sizeBytes <= this.#slabBytes;
    if (isShared && this.#slab !== undefined && this.#slab.usedBytes + sizeBytes <= this.#slabBytes) return this.#slab;
    const slab = (isShared ? this.#freeSlabs.pop() : undefined) ?? newSlab(isShared ? this.#slabBytes : sizeBytes);
    this.#bytes += slab.bytes.length;
    if (isShared) this.#slab = slab;
    return slab;
  }

  #release({ slab }: CachedBatch): void {
    this.#bytes -= entryOverheadBytes;
    slab.batchCount -= 1;
    if (slab.batchCount > 0) return;
    this.#bytes -= slab.bytes.length;
    if (this.#slab === slab) this.#slab = undefined;
    slab.usedBytes = 0;
    if (slab.bytes.length === this.#slabBytes && this.#freeSlabs.length < maxFreeSlabs) this.#freeSlabs.push(slab);
  }

  /** A copy of consecutive batches from the one that holds `fromOffset`; undefined when that one is not cached. */
  read(owner: object, wanted: CacheRead): Buffer | undefined {
    const tail = this.#tails.get(owner);
    if (tail === undefined) return undefined;
    const first = indexOf(tail, wanted.fromOffset);
    if (first === undefined) return undefined;
    let end = first;
    let bytes = 0;
    for (; end < tail.batches.length; end += 1) {
      const batch = tail.batches[end]!;
      const isTooMuch = bytes + batch.bytes.length > wanted.maxBytes && !(wanted.minOneBatch && end === first);
      if (batch.nextOffset > wanted.limitOffset || isTooMuch) break;
      bytes += batch.bytes.length;
    }
    return copyOf(tail.batches, { first, end, bytes }, wanted.memory);
  }

  /** Forgets everything of one log. */
  drop(owner: object): void {
    const tail = this.#tails.get(owner);
    if (tail === undefined) return;
    for (let index = tail.first; index < tail.batches.length; index += 1) this.#release(tail.batches[index]!);
    this.#tails.delete(owner);
    this.#order = this.#order.slice(this.#orderFirst).filter((other) => other !== owner);
    this.#orderFirst = 0;
  }

  #evict(): void {
    const tail = this.#tails.get(this.#order[this.#orderFirst]!)!;
    this.#orderFirst += 1;
    this.#release(tail.batches[tail.first]!);
    tail.batches[tail.first] = evicted;
    tail.first += 1;
    if (isMostlyEvicted(tail.first, tail.batches.length)) {
      tail.batches = tail.batches.slice(tail.first);
      tail.first = 0;
    }
    if (isMostlyEvicted(this.#orderFirst, this.#order.length)) {
      this.#order = this.#order.slice(this.#orderFirst);
      this.#orderFirst = 0;
    }
  }
}

/** What is read outlives the cached batches, whose memory serves others once they are evicted. */
function copyOf(
  batches: readonly CachedBatch[],
  { first, end, bytes }: { first: number; end: number; bytes: number },
  memory: CacheRead['memory'],
): Buffer {
  const isLarge = memory !== undefined && bytes >= leastBorrowedBytes;
  const copy = isLarge ? memory.take(bytes).subarray(0, bytes) : Buffer.allocUnsafe(bytes);
  let at = 0;
  for (let index = first; index < end; index += 1) {
    const batch = batches[index]!.bytes;
    copy.set(batch, at);
    at += batch.length;
  }
  return copy;
}

/** The index of the batch that holds `offset`, or undefined when it lies before or behind the cached ones. */
function indexOf(tail: Tail, offset: number): number | undefined {
  let low = tail.first;
  let high = tail.batches.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (tail.batches[middle]!.nextOffset <= offset) low = middle + 1;
    else high = middle;
  }
  const batch = tail.batches[low];
  return batch !== undefined && batch.baseOffset <= offset ? low : undefined;
}
