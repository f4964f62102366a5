/** Which transactions a read of a table has seen, so that their changes are not told again when the log has them. Pure. */

import type { SourceOffset } from '../../contract/record.ts';

/** `pg_current_snapshot()` of the read, and a position in the log behind the commit of everything it saw. */
export interface Fence {
  /** Transactions before it are seen. */
  readonly xmin: bigint;
  /** From it on none is seen. */
  readonly xmax: bigint;
  /** Between them, those that are not seen. */
  readonly running: ReadonlySet<bigint>;
  /** No commit that was seen lies behind it: a stream that has got there needs the fence no more. */
  readonly endLsn: bigint;
}

/** `10:20:10,14,15`, as the server writes it (PostgreSQL documentation, `pg_snapshot`). Throws a RangeError for other text. */
export function parseFence(snapshot: string, endLsn: bigint): Fence {
  const parts = /^(\d+):(\d+):([\d,]*)$/.exec(snapshot);
  if (parts === null) throw new RangeError(`${JSON.stringify(snapshot)} is no snapshot`);
  const running = (parts[3] ?? '').split(',').filter((each) => each !== '');
  return { xmin: BigInt(parts[1] ?? 0), xmax: BigInt(parts[2] ?? 0), running: new Set(running.map(BigInt)), endLsn };
}

/**
 * A standby does not say which transactions were running: what it calls seen from `xmin` on may not be. To tell a change
 * once more is better than never.
 */
export function onStandby(fence: Fence): Fence {
  return { ...fence, xmax: fence.xmin, running: new Set() };
}

/** Whether the read has seen the transaction: `transactionId` has 32 bits, as the stream gives it. */
export function hasSeen(fence: Fence, transactionId: number): boolean {
  const full = fullId(fence.xmax, transactionId);
  return full < fence.xmin || (full < fence.xmax && !fence.running.has(full));
}

/** The number with its epoch: of those that are nearest, as the server compares them (at most 2^31 apart). */
function fullId(near: bigint, transactionId: number): bigint {
  const distance = BigInt.asIntN(32, BigInt(transactionId) - near);
  return near + distance;
}

export function encodeFence({ xmin, xmax, running, endLsn }: Fence): SourceOffset {
  return { fence: `${xmin}:${xmax}:${[...running].join(',')}`, fence_lsn: endLsn.toString() };
}

/** Undefined where the offset has none. */
export function decodeFence({ fence, fence_lsn: lsn }: SourceOffset): Fence | undefined {
  if (typeof fence !== 'string' || typeof lsn !== 'string' || !/^\d+$/.test(lsn)) return undefined;
  try {
    return parseFence(fence, BigInt(lsn));
  } catch {
    return undefined;
  }
}
