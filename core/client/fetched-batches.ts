/** Checks and trims what a fetch brought: whole batches only, checksums, and none of an aborted transaction. Pure. */

import {
  BATCH_HEADER_BYTES,
  batchBaseOffset,
  batchCrc,
  batchLastOffset,
  batchMagic,
  batchProducerId,
  batchSizeBytes,
  computeBatchCrc,
  isControl,
  isTransactional,
} from '../protocol/batch-header.ts';

interface AbortedTransaction {
  readonly producerId: number;
  readonly firstOffset: number;
}

export interface FetchedBatches {
  /** Whole batches; empty when all of them belong to aborted transactions. */
  readonly records: Buffer;
  /** The offset after the last batch, left out ones included. */
  readonly nextOffset: number;
}

export type FetchedProblem =
  /** Not even the first batch is whole. */
  | { readonly kind: 'cut-short'; readonly neededBytes: number }
  | { readonly kind: 'corrupt'; readonly offset: number; readonly message: string };

export interface InspectOptions {
  readonly checkCrcs: boolean;
  /** For read_committed: the aborted transactions that the answer names. */
  readonly aborted: readonly AbortedTransaction[];
}

/** `records` holds at least one byte. */
export function inspectFetched(
  records: Buffer,
  { checkCrcs, aborted }: InspectOptions,
): FetchedBatches | FetchedProblem {
  const filter = aborted.length > 0 ? new AbortedFilter(aborted) : undefined;
  const kept: Buffer[] = [];
  let nextOffset = -1;
  let at = 0;
  while (records.length - at >= BATCH_HEADER_BYTES) {
    const sizeBytes = batchSizeBytes(records, at);
    const offset = batchBaseOffset(records, at);
    if (batchMagic(records, at) !== 2) return corrupt(offset, `a batch has the format ${batchMagic(records, at)}`);
    if (sizeBytes < BATCH_HEADER_BYTES) return corrupt(offset, `a batch announces ${sizeBytes} bytes`);
    if (sizeBytes > records.length - at) break;
    if (checkCrcs && computeBatchCrc(records, at) !== batchCrc(records, at)) {
      return corrupt(offset, 'the checksum of a batch does not fit its bytes');
    }
    if (filter?.keeps(records, at)) kept.push(records.subarray(at, at + sizeBytes));
    nextOffset = batchLastOffset(records, at) + 1;
    at += sizeBytes;
  }
  if (at === 0) {
    const neededBytes = records.length >= BATCH_HEADER_BYTES ? batchSizeBytes(records, 0) : BATCH_HEADER_BYTES;
    return { kind: 'cut-short', neededBytes };
  }
  if (filter === undefined) return { records: records.subarray(0, at), nextOffset };
  return { records: kept.length === 1 ? kept[0]! : Buffer.concat(kept), nextOffset };
}

function corrupt(offset: number, message: string): FetchedProblem {
  return { kind: 'corrupt', offset, message };
}

/** The abort marker (control type 0) is the first record of its batch; its key holds version and type. */
const abortMarkerType = 0;

/** Follows the aborted transactions of one answer from the first offset of each to its abort marker. */
class AbortedFilter {
  readonly #upcoming: AbortedTransaction[];
  readonly #ongoing = new Set<number>();

  constructor(aborted: readonly AbortedTransaction[]) {
    this.#upcoming = aborted.toSorted((a, b) => a.firstOffset - b.firstOffset);
  }

  keeps(records: Buffer, at: number): boolean {
    const lastOffset = batchLastOffset(records, at);
    while (this.#upcoming[0] !== undefined && this.#upcoming[0].firstOffset <= lastOffset) {
      this.#ongoing.add(this.#upcoming.shift()!.producerId);
    }
    if (!isTransactional(records, at)) return true;
    const producerId = batchProducerId(records, at);
    if (isControl(records, at)) {
      if (controlType(records, at) === abortMarkerType) this.#ongoing.delete(producerId);
      return false;
    }
    return !this.#ongoing.has(producerId);
  }
}

/** Of a control batch's only record: length, attributes, timestamp, offset and key length are varints, all short but the timestamp. */
function controlType(records: Buffer, at: number): number {
  let position = at + BATCH_HEADER_BYTES;
  const skipVarint = () => {
    while (records[position++]! >= 0x80);
  };
  skipVarint();
  position += 1;
  skipVarint();
  skipVarint();
  skipVarint();
  return records.readInt16BE(position + 2);
}
