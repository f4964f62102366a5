/** What a log asks its committer to make durable, and how soon. */

import type { DiskFile } from '../base/disk.ts';
import type { WriteOrigin } from './wal-format.ts';

/** Bytes that were just written to a segment's file. */
export interface SegmentWrite {
  readonly file: DiskFile;
  readonly origin: WriteOrigin;
  readonly position: number;
  /** Behind the last of the batches. */
  readonly nextOffset: number;
  readonly buffers: readonly Uint8Array[];
  /** Somebody has been answered: the buffers are good during the call alone. */
  readonly isAnswered: boolean;
  /** Called when the segment's own file holds the write, and every earlier one, durably; maybe long after the commit. */
  readonly onSynced: () => void;
}

/**
 * `now`: begun at once. `soon`: within the background delay. `file`: at once, and durable in the segment's own file, as one
 * must be that is written no more.
 */
export type Urgency = 'now' | 'soon' | 'file';
