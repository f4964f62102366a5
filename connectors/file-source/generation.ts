/** A generation: one life of one file's content, how far it is read, and how that looks as a stored source offset. */

import type { SourceOffset, SourcePartition } from '../contract/record.ts';
import type { SourcePosition } from '../contract/source.ts';
import { digest, extendChecksum, fingerprintBytes, leadOf, markerBytes } from './fingerprint.ts';

export type Compression = 'none' | 'gzip';

/** A line that is emitted in several parts; position and part say where the next one goes on. */
export interface SplitLine {
  /** Byte position of the start of the line. */
  readonly linePosition: number;
  /** The number of the next part; 0 when no line is being split. */
  readonly part: number;
}

export const noSplit: SplitLine = { linePosition: 0, part: 0 };

/** What stands behind a position; positions count plain bytes, also in a compressed file. */
export interface Evidence {
  /** CRC-32 of the first 64 bytes, to find it by; 0 when there are fewer. */
  readonly lead: number;
  /** Digest of the first `fingerprintLength` bytes. */
  readonly fingerprint: string;
  readonly fingerprintLength: number;
  /** Digest of the last min(64, position) bytes before the position. */
  readonly marker: string;
  /** CRC-32 of all bytes before the position; undefined when they were never read (`start.position: end`). */
  readonly checksum: number | undefined;
}

export interface GenerationFacts {
  path: string;
  dev: string;
  ino: string;
  /** Microseconds since 1970 of the inode's birth; 0 when the file system does not tell. */
  bornUs: number;
  /** Microseconds since 1970 of the inode's last change, to recognise an untouched file without opening it. */
  changedUs: number;
  /** Bytes of the file on disk when last seen. */
  size: number;
  compression: Compression;
}

export class Generation {
  readonly id: string;
  /** The path it was first seen under: with the id it names the source partition for good. */
  readonly filename: string;
  readonly facts: GenerationFacts;
  position = 0;
  checksum: number | undefined = 0;
  split: SplitLine = noSplit;
  /** A compressed or whole file that is read to its end; for plain lines the position tells. */
  isComplete = false;
  /** A bounded run takes what begins before this position; undefined until the generation is bound to a file. */
  limit: number | undefined;
  /** The first bytes until there are 1,024, and the last 64, as Latin-1: small buffers would each keep a slab alive. */
  #head = '';
  #tail = '';
  /** Of the first 1,024 bytes, once they are complete and need not be kept. */
  #beginning: Pick<Evidence, 'lead' | 'fingerprint'> | undefined;
  /** As stored, until the bytes themselves have been seen again. */
  #stored: Evidence | undefined;

  constructor(id: string, filename: string, facts: GenerationFacts) {
    this.id = id;
    this.filename = filename;
    this.facts = facts;
  }

  get partition(): SourcePartition {
    return { filename: this.filename, generation: this.id };
  }

  get evidence(): Evidence {
    return (
      this.#stored ?? {
        ...(this.#beginning ?? beginningOf(this.#head)),
        fingerprintLength: Math.min(fingerprintBytes, this.position),
        marker: digest(Buffer.from(this.#tail, 'latin1')),
        checksum: this.checksum,
      }
    );
  }

  /** True once the bytes around the position are in memory, so that they can be compared. */
  get isVerified(): boolean {
    return this.#stored === undefined;
  }

  /** Whether these are the last min(64, position) bytes before the position. */
  isPrecededBy(bytes: Buffer): boolean {
    return bytes.toString('latin1') === this.#tail;
  }

  /** The byte before the position; undefined at the beginning. */
  get lastByte(): number | undefined {
    return this.#tail === '' ? undefined : this.#tail.charCodeAt(this.#tail.length - 1);
  }

  get isDone(): boolean {
    return this.isComplete || (this.facts.compression === 'none' && this.position >= this.facts.size);
  }

  /** The file was found to hold what the evidence says: `head` is its first bytes, `tail` the bytes before the position. */
  verified(head: Buffer, tail: Buffer): void {
    this.#begin(head.toString('latin1', 0, Math.min(fingerprintBytes, this.position)));
    this.#tail = tail.toString('latin1');
    this.#stored = undefined;
  }

  /** Everything in `bytes[from, to)` was consumed; it stood at the position. */
  advance(bytes: Buffer, from: number, to: number): void {
    const consumed = bytes.subarray(from, to);
    if (this.checksum !== undefined) this.checksum = extendChecksum(this.checksum, consumed);
    const { length } = consumed;
    if (this.#beginning === undefined)
      this.#begin(this.#head + consumed.toString('latin1', 0, fingerprintBytes - this.#head.length));
    const isLong = length >= markerBytes;
    this.#tail = isLong
      ? consumed.toString('latin1', length - markerBytes)
      : (this.#tail + consumed.toString('latin1')).slice(-markerBytes);
    this.position += length;
  }

  #begin(head: string): void {
    const isFull = head.length >= fingerprintBytes;
    this.#beginning = isFull ? beginningOf(head) : undefined;
    this.#head = isFull ? '' : head;
  }

  /** Its file was found to hold what `seen` gathered from the first byte to the same position. */
  adopt(seen: Generation): void {
    this.checksum = seen.checksum;
    this.#head = seen.#head;
    this.#tail = seen.#tail;
    this.#beginning = seen.#beginning;
    this.#stored = undefined;
  }

  /** Starts in the middle of a file, behind bytes that nobody read. */
  startAt(position: number, head: Buffer, tail: Buffer): void {
    this.position = position;
    this.checksum = position === 0 ? 0 : undefined;
    this.verified(head, tail);
  }

  /** Back to before the first byte: the same file holds a new version of itself (whole mode). */
  rewind(): void {
    this.position = 0;
    this.checksum = 0;
    this.isComplete = false;
    this.#head = '';
    this.#tail = '';
    this.#beginning = undefined;
    this.#stored = undefined;
  }

  get offset(): SourceOffset {
    const { path, dev, ino, bornUs, changedUs, size, compression } = this.facts;
    const { lead, fingerprint, fingerprintLength, marker } = this.evidence;
    return {
      position: this.position,
      size,
      path,
      done: this.isDone,
      dev,
      ino,
      born: bornUs,
      changed: changedUs,
      lead,
      fingerprint,
      fingerprintLength,
      marker,
      checksum: this.checksum ?? null,
      ...(compression === 'none' ? {} : { compression }),
      ...(this.split.part === 0 ? {} : { part: this.split.part, linePosition: this.split.linePosition }),
    };
  }

  /** Reads a stored position back; undefined for one that is not of this form. */
  static restore({ partition, offset }: SourcePosition): Generation | undefined {
    const { filename, generation } = partition;
    if (offset === null || typeof filename !== 'string' || typeof generation !== 'string') return undefined;
    if (typeof offset['position'] !== 'number' || typeof offset['fingerprint'] !== 'string') return undefined;
    const restored = new Generation(generation, filename, {
      path: text(offset, 'path') || filename,
      dev: text(offset, 'dev'),
      ino: text(offset, 'ino'),
      bornUs: count(offset, 'born'),
      changedUs: count(offset, 'changed'),
      size: count(offset, 'size'),
      compression: offset['compression'] === 'gzip' ? 'gzip' : 'none',
    });
    restored.position = offset['position'];
    restored.checksum = typeof offset['checksum'] === 'number' ? offset['checksum'] : undefined;
    restored.split = { part: count(offset, 'part'), linePosition: count(offset, 'linePosition') };
    restored.isComplete = restored.facts.compression !== 'none' && offset['done'] === true;
    restored.#stored = {
      lead: count(offset, 'lead'),
      fingerprint: offset['fingerprint'],
      fingerprintLength: count(offset, 'fingerprintLength'),
      marker: text(offset, 'marker'),
      checksum: restored.checksum,
    };
    return restored;
  }
}

function beginningOf(head: string): Pick<Evidence, 'lead' | 'fingerprint'> {
  const bytes = Buffer.from(head, 'latin1');
  return { lead: leadOf(bytes), fingerprint: digest(bytes) };
}

function text(offset: SourceOffset, key: string): string {
  const value = offset[key];
  return typeof value === 'string' ? value : '';
}

function count(offset: SourceOffset, key: string): number {
  const value = offset[key];
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 ? value : 0;
}
