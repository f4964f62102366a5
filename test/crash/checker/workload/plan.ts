/** What each process is going to do and what is going to happen to the broker: a function of the seed alone. */

import { seededRandom } from '../../random.ts';

export const faultKinds = ['kill', 'stop', 'restart', 'cut', 'lose', 'full', 'clock', 'power'] as const;
export type FaultKind = (typeof faultKinds)[number];

export interface PlannedSend {
  readonly partition: number;
  readonly count: number;
}

export interface PlannedTransaction {
  readonly sends: readonly PlannedSend[];
  readonly isAborted: boolean;
  readonly pauseMs: number;
}

export interface PlannedFault {
  readonly kind: FaultKind;
  readonly afterMs: number;
  /** In [0, 1): how long, how many bytes, how far, as the kind has it. */
  readonly measure: number;
}

export interface Shape {
  readonly partitionCount: number;
}

/** A stream of random numbers for one purpose, which others do not disturb. */
export function streamOf(seed: number, purpose: string): () => number {
  let hash = seed >>> 0;
  for (const letter of purpose) hash = Math.imul(hash ^ letter.charCodeAt(0), 0x01000193) >>> 0;
  return seededRandom(hash);
}

const below = (random: () => number, count: number) => Math.floor(random() * count);

export function planSend(random: () => number, { partitionCount }: Shape): PlannedSend & { pauseMs: number } {
  return { partition: below(random, partitionCount), count: 1 + below(random, 3), pauseMs: below(random, 20) };
}

export function planTransaction(random: () => number, { partitionCount }: Shape): PlannedTransaction {
  const sends = Array.from({ length: 1 + below(random, 4) }, () => ({
    partition: below(random, partitionCount),
    count: 1 + below(random, 2),
  }));
  return { sends, isAborted: random() < 0.15, pauseMs: below(random, 20) };
}

/** Faults one after the other, each kind as often as the others, until `lengthMs`. */
export function planFaults(
  seed: number,
  kinds: readonly FaultKind[],
  lengthMs: number,
  meanGapMs: number,
): PlannedFault[] {
  const random = streamOf(seed, 'faults');
  const faults: PlannedFault[] = [];
  if (kinds.length === 0) return faults;
  for (let atMs = 0; ; ) {
    const afterMs = Math.round(meanGapMs * (0.5 + random()));
    atMs += afterMs;
    if (atMs > lengthMs) return faults;
    faults.push({ kind: kinds[below(random, kinds.length)]!, afterMs, measure: random() });
  }
}
