/** What one partition's checkpoint says, and the only steps by which it changes; pure. */

import { invariant } from '../../../core/base/errors.ts';
import type { Layout } from '../partitioners/partitioner.ts';
import type { StoredPart } from '../store/store.ts';

/** Records of one folder that are in a completed object. */
export interface WrittenRange {
  /** null: of every folder, because the folder of a record read again is not known. */
  readonly path: string | null;
  readonly first: number;
  readonly last: number;
}

/** Ranges whose paths were decided by one layout. */
export interface WrittenRanges {
  readonly layout: Layout;
  readonly ranges: readonly WrittenRange[];
}

/** An object whose every byte is stored and whose completion is decided: anybody may complete it, any number of times. */
export interface PreparedFile extends WrittenRange {
  readonly key: string;
  readonly uploadId: string;
  /** Unique to the upload; its object carries it as metadata. */
  readonly token: string;
  readonly parts: readonly StoredPart[];
  readonly records: number;
}

export interface Checkpoint {
  readonly version: 1;
  /** The task that wrote it; with the sequence it makes every content unique, so an etag names one write. */
  readonly owner: string;
  readonly sequence: number;
  /** Every record before it is dealt with once the prepared files are complete; null before the first file. */
  readonly next: number | null;
  /** What a reader that starts at `next` must leave out. */
  readonly written: readonly WrittenRanges[];
  readonly layout: Layout;
  readonly prepared: readonly PreparedFile[];
}

export function firstCheckpoint(owner: string, layout: Layout): Checkpoint {
  return { version: 1, owner, sequence: 0, next: null, written: [], layout, prepared: [] };
}

/** A new owner takes over; whoever wrote the old one is refused from then on. */
export function claim(old: Checkpoint, owner: string, layout: Layout): Checkpoint {
  invariant(old.prepared.length === 0, 'a partition is claimed after its prepared files are dealt with');
  return { ...old, owner, layout, sequence: old.sequence + 1 };
}

/** Decides that these files become visible; `next` is the place to read on from once they are. */
export function prepare(old: Checkpoint, files: readonly PreparedFile[], next: number): Checkpoint {
  invariant(old.prepared.length === 0, 'one batch of files is prepared at a time');
  invariant(old.next === null || next >= old.next, 'a checkpoint never goes back while files complete');
  return { ...old, sequence: old.sequence + 1, next, prepared: files };
}

/** The prepared files are visible, except those named `gone`, whose records must be read again. */
export function settle(old: Checkpoint, gone: ReadonlySet<PreparedFile> = new Set()): Checkpoint {
  const done = old.prepared.filter((file) => !gone.has(file));
  const next = [...gone].reduce<number | null>((least, file) => Math.min(least ?? file.first, file.first), old.next);
  const added = done.map(({ path, first, last }) => ({ path, first, last }));
  const written = prune(addRanges(old.written, old.layout, added), next);
  return { ...old, sequence: old.sequence + 1, next, written, prepared: [] };
}

function addRanges(
  written: readonly WrittenRanges[],
  layout: Layout,
  added: readonly WrittenRange[],
): readonly WrittenRanges[] {
  const id = JSON.stringify(layout);
  const same = written.find((each) => JSON.stringify(each.layout) === id);
  const others = written.filter((each) => each !== same);
  return [...others, { layout, ranges: [...(same?.ranges ?? []), ...added] }];
}

/** Ranges that lie wholly before `next` will never be met again. */
function prune(written: readonly WrittenRanges[], next: number | null): readonly WrittenRanges[] {
  if (next === null) return written;
  return written
    .map(({ layout, ranges }) => ({ layout, ranges: ranges.filter((range) => range.last >= next) }))
    .filter(({ ranges }) => ranges.length > 0);
}

export function encodeCheckpoint(checkpoint: Checkpoint): Buffer {
  return Buffer.from(`${JSON.stringify(checkpoint)}\n`);
}

/** undefined when the bytes are no checkpoint this version understands. */
export function decodeCheckpoint(content: Buffer): Checkpoint | undefined {
  let value: Partial<Checkpoint> | null;
  try {
    value = JSON.parse(content.toString());
  } catch {
    return undefined;
  }
  if (typeof value !== 'object' || value === null || value.version !== 1) return undefined;
  const { owner, sequence, next, written, layout, prepared } = value;
  const isWhole =
    typeof owner === 'string' &&
    Number.isSafeInteger(sequence) &&
    (next === null || Number.isSafeInteger(next)) &&
    isLayout(layout) &&
    Array.isArray(written) &&
    written.every((each) => isLayout(each?.layout) && Array.isArray(each.ranges) && each.ranges.every(isRange)) &&
    Array.isArray(prepared) &&
    prepared.every(isPrepared);
  return isWhole ? (value as Checkpoint) : undefined;
}

function isLayout(value: unknown): value is Layout {
  const layout = value as Partial<Layout> | null | undefined;
  return (
    typeof layout === 'object' &&
    layout !== null &&
    (layout.kind === 'default' || layout.kind === 'field' || layout.kind === 'time') &&
    Array.isArray(layout.fields) &&
    typeof layout.pattern === 'string' &&
    Number.isSafeInteger(layout.durationMs) &&
    typeof layout.timezone === 'string' &&
    typeof layout.locale === 'string' &&
    typeof layout.extractor === 'string' &&
    typeof layout.timeField === 'string'
  );
}

function isRange(value: unknown): value is WrittenRange {
  const range = value as Partial<WrittenRange> | null;
  return (
    typeof range === 'object' &&
    range !== null &&
    (range.path === null || typeof range.path === 'string') &&
    Number.isSafeInteger(range.first) &&
    Number.isSafeInteger(range.last)
  );
}

function isPrepared(value: unknown): value is PreparedFile {
  if (!isRange(value)) return false;
  const file = value as Partial<PreparedFile>;
  return (
    typeof file.key === 'string' &&
    typeof file.uploadId === 'string' &&
    typeof file.token === 'string' &&
    Number.isSafeInteger(file.records) &&
    Array.isArray(file.parts) &&
    file.parts.every((part) => typeof part?.etag === 'string' && Number.isSafeInteger(part.sizeBytes))
  );
}
