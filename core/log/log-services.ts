/** Makes what all logs of a broker share, as the options have it. */

import { GroupCommitter } from './committer.ts';
import { IndexCache } from './index-cache.ts';
import type { LogServices } from './log-parts.ts';
import type { LogsOptions } from './logs-options.ts';
import { OpenFiles } from './open-files.ts';
import { rebuildIndexes } from './recovery.ts';
import { TailCache } from './tail-cache.ts';
import type { WriteAheadLog } from './write-ahead-log.ts';

/** Entries of an index that is made anew: the interval that the topic had is not known there. */
const rebuiltIndexIntervalBytes = 4096;

export function makeLogServices(
  options: LogsOptions,
  parts: Pick<LogServices, 'saveLogStarts' | 'onFailure'> & { readonly wal: WriteAheadLog | undefined },
): LogServices {
  const { disk, clock, durability } = options;
  const { wal, saveLogStarts, onFailure } = parts;
  return {
    ...{ disk, clock, durability, saveLogStarts, onFailure },
    committer: new GroupCommitter({
      clock,
      backgroundSyncMs: options.backgroundSyncMs ?? 25,
      maxConcurrentSyncs: options.maxConcurrentSyncs ?? 3,
      wal,
      walMinFiles: options.walMinPartitions ?? 5,
    }),
    tailCache: new TailCache({ maxBytes: options.tailCacheBytes ?? 32 * 1024 * 1024 }),
    files: new OpenFiles({ disk, maxFiles: options.maxOpenFiles ?? 512 }),
    indexes: new IndexCache({
      disk,
      maxBytes: options.indexCacheBytes ?? 32 * 1024 * 1024,
      rebuild: (segment) => rebuildIndexes(disk, segment, rebuiltIndexIntervalBytes),
    }),
  };
}
