/** The segments of one log in offset order; the last one is active, the only one that is written. */

import { invariant } from '../base/errors.ts';
import type { Segment } from './segment.ts';

export class SegmentList {
  #segments: Segment[];

  constructor(segments: readonly Segment[]) {
    invariant(segments.length > 0, 'a log has at least one segment');
    this.#segments = [...segments];
  }

  get active(): Segment {
    return this.#segments.at(-1)!;
  }

  /** A snapshot: later changes do not show in it. */
  all(): readonly Segment[] {
    return this.#segments;
  }

  get sizeBytes(): number {
    let sum = 0;
    for (const segment of this.#segments) sum += segment.sizeBytes;
    return sum;
  }

  push(segment: Segment): void {
    invariant(segment.baseOffset >= this.active.nextOffset, 'a new segment starts where the last one ends');
    this.#segments = [...this.#segments, segment];
  }

  /** The segment that `offset` belongs to: the last one that begins at or before it, or the first of all. */
  floor(offset: number): Segment {
    let low = 0;
    let high = this.#segments.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#segments[middle]!.baseOffset <= offset) low = middle + 1;
      else high = middle;
    }
    return this.#segments[Math.max(low - 1, 0)]!;
  }

  /** The segment behind `segment`, or undefined behind the active one. */
  after(segment: Segment): Segment | undefined {
    const index = this.#segments.indexOf(segment);
    return index === -1 ? undefined : this.#segments[index + 1];
  }

  /** Takes segments that are not active out of the list, and puts `replacement` where they were. */
  retire(retired: readonly Segment[], replacement?: Segment): void {
    invariant(!retired.includes(this.active), 'the active segment is never retired');
    const at = this.#segments.indexOf(retired[0]!);
    const rest = this.#segments.filter((segment) => !retired.includes(segment));
    if (replacement !== undefined) rest.splice(at, 0, replacement);
    for (const segment of retired) segment.isRetired = true;
    this.#segments = rest;
  }
}
