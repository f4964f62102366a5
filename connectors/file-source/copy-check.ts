/** Compares a file, window by window, with everything a generation consumed: equal up to its position or not. */

import { Generation } from './generation.ts';
import type { ChangeReason } from './identity.ts';

export class CopyCheck {
  readonly candidate: Generation;
  /** The candidate's position when the check began; it may move on while it is another live file's. */
  readonly #target: number;
  readonly #seen: Generation;
  readonly #expected: Generation['evidence'];

  constructor(candidate: Generation) {
    this.candidate = candidate;
    this.#target = candidate.position;
    this.#expected = candidate.evidence;
    this.#seen = new Generation('', '', candidate.facts);
  }

  get position(): number {
    return this.#seen.position;
  }

  get remainingBytes(): number {
    return this.#target - this.#seen.position;
  }

  feed(bytes: Buffer, from: number, to: number): void {
    this.#seen.advance(bytes, from, to);
  }

  /** The file ended before the position, or its bytes differ; undefined when it holds the same. */
  verdict(): ChangeReason | undefined {
    if (this.remainingBytes > 0) return 'shorter than the position';
    const seen = this.#seen.evidence;
    const expected = this.#expected;
    if (seen.fingerprint !== expected.fingerprint) return 'begins with other bytes';
    if (seen.marker !== expected.marker) return 'other bytes before the position';
    const isSame = expected.checksum === undefined || expected.checksum === seen.checksum;
    return isSame ? undefined : 'other content before the position';
  }

  /** False when the candidate has moved since, so that the comparison says nothing about it any more. */
  get isCurrent(): boolean {
    return this.candidate.position === this.#target;
  }

  /** To be called once it is known to be the same: the candidate goes on in this file. */
  confirm(): void {
    this.candidate.adopt(this.#seen);
  }
}
