/** Who watches changes on their way into records. */

import type { TableShape, Tuple } from '../row.ts';

export interface ChangeWatch {
  /** The table whose changes `change` is told of; -1 for none. */
  readonly tableOid: number;
  /** `settle` must be called before anything more is told. */
  readonly isWaiting: boolean;
  settle(): Promise<void>;
  /** A transaction is about to be told. */
  begun(transactionId: number, commitLsn: bigint): void;
  /** A table is described. */
  relation(shape: TableShape): void;
  /** A row was inserted, whether or not its table is captured. */
  inserted(shape: TableShape, row: Tuple): void;
  /** A change is about to become a record. */
  change(
    op: 'c' | 'u' | 'd' | 't',
    shape: TableShape,
    before: Tuple | null,
    after: Tuple | null,
    transactionId: number,
  ): void;
}
