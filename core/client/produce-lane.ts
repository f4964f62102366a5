/** What a producer keeps of one partition and of each batch on its way there. */

import type { MillraceError } from '../base/errors.ts';
import type { ProducerIdentity, SequencedBatch } from './sequencer.ts';
import { PartitionSequencer } from './sequencer.ts';

export interface PendingBatch extends SequencedBatch {
  readonly lane: ProduceLane;
  readonly bytes: Buffer;
  /** On the monotonic clock: given up when it is not acknowledged by then. */
  readonly deadlineMs: number;
  /** The identity written into the bytes. */
  stamped: ProducerIdentity | undefined;
  /** What the last attempt ended with, for the error when time runs out. */
  lastProblem: string;
  acked(baseOffset: number): void;
  failed(error: MillraceError): void;
}

export class ProduceLane {
  readonly topic: string;
  readonly partition: number;
  readonly sequencer: PartitionSequencer<PendingBatch>;
  /** Attempts that failed since the last success. */
  failures = 0;
  /** Nothing is sent before this time on the monotonic clock. */
  notBeforeMs = 0;
  /** The identity given last; it is never given again. */
  lastIdentity: ProducerIdentity | undefined;
  isFindingLeader = false;
  isAwaitingIdentity = false;

  constructor(options: { topic: string; partition: number; isIdempotent: boolean; maxInFlight: number }) {
    this.topic = options.topic;
    this.partition = options.partition;
    this.sequencer = new PartitionSequencer(options);
  }

  get where(): string {
    return `${this.topic}-${this.partition}`;
  }
}

export function pendingBatch(
  lane: ProduceLane,
  bytes: Buffer,
  recordCount: number,
  deadlineMs: number,
  callbacks: Pick<PendingBatch, 'acked' | 'failed'>,
): PendingBatch {
  return {
    lane,
    bytes,
    recordCount,
    deadlineMs,
    order: 0,
    identity: undefined,
    baseSequence: -1,
    isInDoubt: false,
    stamped: undefined,
    lastProblem: 'it was not sent',
    ...callbacks,
  };
}
