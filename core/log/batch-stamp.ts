/** What the log writes into a batch as it takes it: its offset, the leader epoch and, where the topic says so, the time. */

import { sealCrc, setBaseOffset, setLeaderEpoch } from '../protocol/batch-header.ts';

export interface BatchStamp {
  readonly baseOffset: number;
  readonly leaderEpoch: number;
  /** Set for `message.timestamp.type=LogAppendTime`: every record then counts as written at this time. */
  readonly logAppendTimeMs: number | undefined;
}

const timestampTypeBit = 0x08;

/** Patches the batch at the start of `batch` in place. Only the append time lies under the checksum. */
export function stampBatch(batch: Buffer, stamp: BatchStamp): void {
  setBaseOffset(batch, 0, stamp.baseOffset);
  setLeaderEpoch(batch, 0, stamp.leaderEpoch);
  if (stamp.logAppendTimeMs === undefined) return;
  batch[22]! |= timestampTypeBit;
  batch.writeBigInt64BE(BigInt(stamp.logAppendTimeMs), 35);
  sealCrc(batch, 0);
}
