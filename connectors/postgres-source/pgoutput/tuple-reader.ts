/** Reads the tuples of pgoutput messages into ranges, without copying a value. */

import { type Tuple, valueKinds } from '../row.ts';

/** Postgres has tables of at most 1,600 columns; a little more is what a message may claim. */
export const mostColumns = 1664;

export class TupleRanges implements Tuple {
  bytes: Buffer = Buffer.alloc(0);
  columnCount = 0;
  kinds = new Uint8Array(32);
  starts = new Uint32Array(32);
  ends = new Uint32Array(32);

  /** Reads one tuple; returns the position behind it, or -1 when it does not fit before `end` or makes no sense. */
  read(bytes: Buffer, start: number, end: number): number {
    if (end - start < 2) return -1;
    const columnCount = bytes.readUInt16BE(start);
    if (columnCount > mostColumns) return -1;
    if (columnCount > this.kinds.length) this.#grow(columnCount);
    this.bytes = bytes;
    this.columnCount = columnCount;
    const { kinds, starts, ends } = this;
    let at = start + 2;
    for (let column = 0; column < columnCount; column += 1) {
      if (at >= end) return -1;
      const kind = bytes[at++]!;
      kinds[column] = kind;
      if (kind === valueKinds.text || kind === valueKinds.binary) {
        if (end - at < 4) return -1;
        const length = ((bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!) >>> 0;
        at += 4;
        if (length > end - at) return -1;
        starts[column] = at;
        at += length;
        ends[column] = at;
      } else if (kind !== valueKinds.null && kind !== valueKinds.unchanged) return -1;
    }
    return at;
  }

  #grow(columnCount: number): void {
    this.kinds = new Uint8Array(columnCount);
    this.starts = new Uint32Array(columnCount);
    this.ends = new Uint32Array(columnCount);
  }
}
