/** Reads a file that has settled as one record whose key is its path. */

import { crc32 } from '@node-rs/crc32';
import type { SourceOutput } from '../contract/source.ts';
import { fileSourceErrors } from './error-codes.ts';
import { readAt } from './file-access.ts';
import { extendChecksum } from './fingerprint.ts';
import type { Parts } from './parts.ts';
import type { Reading } from './read-lines.ts';
import type { TrackedFile } from './tracked-file.ts';

export class WholeReader {
  readonly #parts: Parts;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /** The file is open and its facts are fresh. Throws `file-source/file-too-large`. */
  async read(file: TrackedFile, output: SourceOutput): Promise<Reading> {
    const { config, context, registry } = this.#parts;
    const generation = file.generation!;
    const nothing = { consumedBytes: 0, recordCount: 0, hasMore: false };
    if (!isSettled(file, this.#parts)) {
      generation.isComplete = false;
      return nothing;
    }
    const { size } = file.facts;
    if (size > config['max.file.bytes']) {
      const message = `the file has ${size} bytes, and max.file.bytes is ${config['max.file.bytes']}`;
      throw fileSourceErrors.error('file-too-large', { message, where: file.path });
    }
    // One byte more than there should be: a longer read means that it is being written after all.
    const bytes = Buffer.allocUnsafe(size + 1);
    const count = await readAt(file.fd!, bytes, size + 1, 0);
    if (count !== size) return nothing;
    const value = bytes.subarray(0, size);
    const isSame = generation.position === size && generation.checksum === extendChecksum(0, value);
    if (!isSame) {
      registry.copies.remove(generation);
      generation.rewind();
      generation.advance(value, 0, size);
      const key = Buffer.from(file.path);
      const appender = output.partition(config.topic, crc32(generation.filename));
      appender.appendRecord({ key, value, timestampMs: context.clock.nowMs() });
      context.gauges.add('bytes_read_total', size);
    }
    generation.isComplete = true;
    return isSame ? nothing : { consumedBytes: size, recordCount: 1, hasMore: false };
  }
}

/** Nobody has touched it for a while; a bounded run looks at how it was left. */
export function isSettled(file: TrackedFile, { config, context }: Parts): boolean {
  return context.clock.monotonicMs() - file.writtenAtMs >= config['settle.ms'];
}
