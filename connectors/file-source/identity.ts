/** Decides from bytes whether a file still is what a stored position belongs to, and whose copy an unknown file may be. */

import { copyEvidenceBytes, digest, fingerprintBytes, leadOf, markerBytes } from './fingerprint.ts';
import type { Evidence, Generation } from './generation.ts';

export interface Expected {
  readonly position: number;
  readonly bornUs: number;
  readonly evidence: Evidence;
}

export interface Found {
  /** Bytes there are; undefined when only decompressing would tell. */
  readonly size: number | undefined;
  readonly bornUs: number;
  /** The first bytes, up to 1,024. */
  readonly head: Buffer;
  /** The min(64, position) bytes before the expected position, or undefined when they were not looked at. */
  readonly before: Buffer | undefined;
}

export type ChangeReason =
  | 'shorter than the position'
  | 'born anew on the same inode'
  | 'begins with other bytes'
  | 'other bytes before the position'
  | 'other content before the position';

/** undefined when the position may be used; otherwise why the file is a new generation. */
export function judge(expected: Expected, found: Found): ChangeReason | undefined {
  const { evidence, position } = expected;
  if (expected.bornUs > 0 && found.bornUs > 0 && expected.bornUs !== found.bornUs) return 'born anew on the same inode';
  if (found.size !== undefined && found.size < position) return 'shorter than the position';
  if (!beginsAs(evidence, found.head)) return 'begins with other bytes';
  if (found.before === undefined) return undefined;
  const isWhole = found.before.length === Math.min(markerBytes, position);
  return isWhole && digest(found.before) === evidence.marker ? undefined : 'other bytes before the position';
}

/** Finds the generations whose content an unknown file begins with, as far as its first bytes tell. */
export class CopyFinder {
  /** By the digest of the first bytes, so that a look costs one digest however many generations there are. */
  readonly #byLead = new Map<number, Set<Generation>>();
  readonly #leads = new Map<Generation, number>();

  /** To be called again when the generation has grown: it can be found from its 64th byte on. */
  update(generation: Generation): void {
    if (generation.position < copyEvidenceBytes || this.#leads.has(generation)) return;
    const { lead } = generation.evidence;
    this.#leads.set(generation, lead);
    const same = this.#byLead.get(lead) ?? new Set();
    this.#byLead.set(lead, same.add(generation));
  }

  remove(generation: Generation): void {
    const lead = this.#leads.get(generation);
    if (lead === undefined) return;
    this.#leads.delete(generation);
    const same = this.#byLead.get(lead)!;
    same.delete(generation);
    if (same.size === 0) this.#byLead.delete(lead);
  }

  /** The furthest position first. A file shorter than a generation's fingerprint cannot be its copy yet. */
  candidates(head: Buffer): Generation[] {
    if (head.length < copyEvidenceBytes) return [];
    const sameLead = this.#byLead.get(leadOf(head)) ?? [];
    return [...sameLead]
      .filter((each) => beginsAs(each.evidence, head))
      .sort((one, other) => other.position - one.position);
  }
}

export function beginsAs(evidence: Evidence, head: Buffer): boolean {
  const { fingerprint, fingerprintLength } = evidence;
  return (
    fingerprintLength <= Math.min(fingerprintBytes, head.length) &&
    digest(head.subarray(0, fingerprintLength)) === fingerprint
  );
}
