/** What goes wrong on purpose: a list of rules, the first that applies to a request decides. */

export type Operation =
  | 'AbortMultipartUpload'
  | 'CompleteMultipartUpload'
  | 'CreateBucket'
  | 'CreateMultipartUpload'
  | 'DeleteObject'
  | 'GetObject'
  | 'HeadBucket'
  | 'HeadObject'
  | 'ListBuckets'
  | 'ListMultipartUploads'
  | 'ListObjectsV2'
  | 'ListParts'
  | 'PutObject'
  | 'UploadPart';

export type Effect =
  /** Answers with an error and does nothing. */
  | { readonly kind: 'error'; readonly status: number; readonly code: string }
  /** Breaks the connection off before anything was done. */
  | { readonly kind: 'reset' }
  /** Does the work, then breaks the connection off. */
  | { readonly kind: 'lose-answer' }
  /** Answers 200 with an error in the body and does nothing, as CompleteMultipartUpload may. */
  | { readonly kind: 'error-body'; readonly code: string }
  /** Waits first. */
  | { readonly kind: 'delay'; readonly ms: number }
  /** Takes the request and never answers. */
  | { readonly kind: 'hang' };

export interface FaultRule {
  /** Every operation unless given. */
  readonly operations?: readonly Operation[];
  /** Only keys that contain it. */
  readonly keyPart?: string;
  /** The share of matching requests, 1 unless given. */
  readonly rate?: number;
  /** The rule ends after so many. */
  readonly times?: number;
  readonly effect: Effect;
}

export class Faults {
  #rules: { readonly rule: FaultRule; left: number }[] = [];
  readonly #random: () => number;
  /** How often each kind happened. */
  readonly counts = new Map<Effect['kind'], number>();

  constructor(random: () => number) {
    this.#random = random;
  }

  add(...rules: readonly FaultRule[]): void {
    for (const rule of rules) this.#rules.push({ rule, left: rule.times ?? Number.POSITIVE_INFINITY });
  }

  clear(): void {
    this.#rules = [];
  }

  next(operation: Operation, key: string): Effect | undefined {
    for (const entry of this.#rules) {
      const { operations, keyPart, rate = 1, effect } = entry.rule;
      if (entry.left <= 0 || operations?.includes(operation) === false) continue;
      if (keyPart !== undefined && !key.includes(keyPart)) continue;
      if (rate < 1 && this.#random() >= rate) continue;
      entry.left--;
      this.counts.set(effect.kind, (this.counts.get(effect.kind) ?? 0) + 1);
      return effect;
    }
    return undefined;
  }
}

/** A repeatable source of numbers in [0, 1) (mulberry32). */
export function seededRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
