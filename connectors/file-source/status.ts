/** The numbers of the task: what is there, how far it is read, and what went wrong. */

import type { Parts } from './parts.ts';
import type { Scanner } from './scanner.ts';
import { type TrackedFile, unreadBytes } from './tracked-file.ts';

export function reportStatus(parts: Parts, scanner: Scanner, isWatching: boolean): void {
  const { registry, openFiles, context } = parts;
  const { gauges } = context;
  const files = [...registry.files.values()];
  const counting = (test: (file: TrackedFile) => boolean) =>
    files.reduce((count, file) => count + (test(file) ? 1 : 0), 0);
  gauges.set(
    'files',
    counting((file) => file.phase !== 'ignored'),
  );
  gauges.set(
    'files_done',
    counting((file) => file.generation?.isDone ?? file.isTwin),
  );
  gauges.set(
    'files_failed',
    counting((file) => file.trouble !== undefined),
  );
  gauges.set(
    'files_held',
    counting((file) => file.phase === 'held' && !file.isTwin),
  );
  gauges.set('open_files', openFiles.count);
  gauges.set('generations', registry.generationCount);
  gauges.set(
    'lag_bytes',
    files.reduce((sum, file) => sum + (file.phase === 'ignored' ? 0 : unreadBytes(file)), 0),
  );
  gauges.set('deleted_bytes', registry.deletedBytes);
  gauges.set('scan_duration_ms', Math.round(scanner.lastDurationMs));
  gauges.set('watching', isWatching ? 1 : 0);
}
