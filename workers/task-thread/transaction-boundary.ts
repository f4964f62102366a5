/** When the transaction a source writes in ends: Kafka Connect's `transaction.boundary`. Pure. */

export type TransactionBoundary =
  /** Every poll is durable before the next one is written. */
  | { readonly kind: 'each' }
  /** Between two polls: as soon as there is no next one to be written. */
  | { readonly kind: 'poll' }
  | { readonly kind: 'interval'; readonly intervalMs: number }
  /** As with `poll`, but only where the source says that none of its own transactions was told in part. */
  | { readonly kind: 'connector' };

export interface OpenTransaction {
  readonly openForMs: number;
  /** Of record batches. */
  readonly bytes: number;
  /** The next poll waits to be written. */
  readonly isNextReady: boolean;
  /** The source says that no transaction of its own is in it in part. */
  readonly isWhole: boolean;
}

/**
 * A source that is faster than the commits shares one among polls, for as long as nobody notices: readers of committed
 * records wait for the end, and what a kill takes is read again.
 */
const longestSharedMs = 100;
const mostSharedBytes = 64 * 1024 * 1024;

export function isOver(boundary: TransactionBoundary, open: OpenTransaction): boolean {
  switch (boundary.kind) {
    case 'each':
      return true;
    case 'interval':
      return open.openForMs >= boundary.intervalMs;
    case 'poll':
      return isSharedEnough(open);
    case 'connector':
      return open.isWhole && isSharedEnough(open);
  }
}

/** Whether it can be committed as it is, when nothing more is going to be written. */
export function mayEnd(boundary: TransactionBoundary, isWhole: boolean): boolean {
  return isWhole || boundary.kind !== 'connector';
}

function isSharedEnough({ isNextReady, openForMs, bytes }: OpenTransaction): boolean {
  return !isNextReady || openForMs >= longestSharedMs || bytes >= mostSharedBytes;
}
