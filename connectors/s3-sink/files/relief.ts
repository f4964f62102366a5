/** Makes room when open files hold too much: parts early, then whole files, the largest first. */

import type { PartitionWriter } from '../partition-writer.ts';
import type { Workshop } from './workshop.ts';

export function relieve(writers: Iterable<PartitionWriter>, workshop: Workshop): void {
  if (!workshop.isCrowded) return;
  const reason = workshop.openFiles > workshop.mostOpenFiles ? 'open_files' : 'memory';
  const open = [...writers].flatMap((writer) => [...writer.openFiles()].map((file) => ({ writer, file })));
  open.sort((a, b) => b.file.heldBytes - a.file.heldBytes);
  for (const { writer, file } of open) {
    if (workshop.isRelieved) return;
    if (reason === 'open_files' || !file.cutEarly()) writer.close(file, reason);
  }
}
