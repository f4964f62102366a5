/** One file's turn: open it, learn its facts, identify it if need be, read a window, and report trouble once. */

import { describeError, type MillraceError } from '../../core/base/errors.ts';
import type { SourceOutput } from '../contract/source.ts';
import { fileSourceErrors } from './error-codes.ts';
import { errorCode } from './file-access.ts';
import { Identifier } from './identify.ts';
import type { ChangeReason } from './identity.ts';
import type { Parts } from './parts.ts';
import { LineReader, type Reading } from './read-lines.ts';
import { WholeReader } from './read-whole.ts';
import { type TrackedFile, updateFacts } from './tracked-file.ts';

/** Before a file is tried again for which there was no descriptor. */
const noRoomPauseMs = 100;

export interface Turn {
  readonly consumedBytes: number;
  readonly recordCount: number;
  readonly hasMore: boolean;
}

const idle: Turn = { consumedBytes: 0, recordCount: 0, hasMore: false };
const again: Turn = { ...idle, hasMore: true };

export class FileTurns {
  readonly #parts: Parts;
  readonly #identifier: Identifier;
  readonly #lines: LineReader;
  readonly #whole: WholeReader;

  constructor(parts: Parts) {
    this.#parts = parts;
    this.#identifier = new Identifier(parts);
    this.#lines = new LineReader(parts);
    this.#whole = new WholeReader(parts);
  }

  async take(file: TrackedFile, output: SourceOutput, maxRecords: number): Promise<Turn> {
    const { clock } = this.#parts.context;
    if (clock.monotonicMs() < file.retryAtMs) return idle;
    try {
      return await this.#take(file, output, maxRecords);
    } catch (error) {
      await this.#trouble(file, error);
      return idle;
    }
  }

  async #take(file: TrackedFile, output: SourceOutput, maxRecords: number): Promise<Turn> {
    const { clock } = this.#parts.context;
    const facts = await this.#parts.openFiles.open(file);
    if (facts === 'no room') file.retryAtMs = clock.monotonicMs() + noRoomPauseMs;
    else if (typeof facts === 'string') this.#parts.scanSoon();
    if (typeof facts === 'string') return idle;
    updateFacts(file, facts, clock.monotonicMs());
    const isChanged = file.turnChangedUs !== undefined && file.turnChangedUs !== file.facts.changedUs;
    file.turnChangedUs = file.facts.changedUs;
    if (file.refusedChangedUs === file.facts.changedUs) return idle;
    if (isChanged && file.compression !== 'none') await this.#restartDecoder(file);
    // Its position was believed because the file was untouched; now the bytes must prove it.
    if (file.generation?.isVerified === false) this.#parts.registry.unbind(file, clock.monotonicMs());
    if (file.phase !== 'reading') {
      const step = file.phase === 'ignored' ? 'idle' : await this.#identifier.step(file);
      if (step === 'idle') this.#parts.gzipSlot.release(file);
      if (step === 'idle' || (file.phase as string) !== 'reading') return step === 'idle' ? idle : again;
    }
    return this.#read(file, output, maxRecords);
  }

  async #read(file: TrackedFile, output: SourceOutput, maxRecords: number): Promise<Turn> {
    const { config, registry } = this.#parts;
    if (config.mode === 'line') {
      if (file.compression !== 'none' && !file.generation!.isComplete && !this.#parts.gzipSlot.take(file)) return idle;
    }
    const reading: Reading =
      config.mode === 'whole' ? await this.#whole.read(file, output) : await this.#lines.read(file, output, maxRecords);
    if (reading.changed !== undefined) return this.#change(file, reading.changed);
    file.trouble = undefined;
    registry.touched(file);
    if (file.generation!.isComplete && file.compression !== 'none') this.#parts.gzipSlot.release(file);
    return reading;
  }

  #change(file: TrackedFile, reason: ChangeReason): Turn {
    const { clock } = this.#parts.context;
    this.#identifier.reportChange(file.generation!, reason, file.path);
    this.#parts.registry.unbind(file, clock.monotonicMs());
    file.source = undefined;
    return again;
  }

  /** A compressed file that changed is read from its beginning again, up to where it was. */
  async #restartDecoder(file: TrackedFile): Promise<void> {
    this.#parts.gzipSlot.release(file);
    if (file.generation !== undefined) file.generation.isComplete = false;
    if (file.phase === 'checking') {
      file.check = undefined;
      file.phase = 'unknown';
    }
    if (file.phase === 'reading') this.#parts.registry.unbind(file, this.#parts.context.clock.monotonicMs());
  }

  async #trouble(file: TrackedFile, error: unknown): Promise<void> {
    const { clock, logger } = this.#parts.context;
    const isRefused = fileSourceErrors.is(error, 'bad-gzip') || fileSourceErrors.is(error, 'file-too-large');
    // Whatever is not about this file, such as a record the output refuses, fails the task.
    if (!isRefused && !isSystemError(error)) throw error;
    if (isRefused) file.refusedChangedUs = file.facts.changedUs;
    else file.retryAtMs = clock.monotonicMs() + this.#parts.config['scan.interval.ms'];
    if (file.check !== undefined) file.phase = 'unknown';
    file.check = undefined;
    this.#parts.gzipSlot.leave(file);
    await this.#parts.openFiles.close(file);
    const reported = isRefused ? error : unreadable(file.path, error);
    if (file.trouble !== reported.message)
      logger.error({ path: file.path, code: reported.code }, describeError(reported));
    file.trouble = reported.message;
  }
}

function isSystemError(error: unknown): boolean {
  return error instanceof Error && 'syscall' in error;
}

export function unreadable(path: string, cause: unknown): MillraceError {
  const message = `it cannot be read: ${errorCode(cause) || String(cause)}`;
  return fileSourceErrors.error('unreadable', { message, where: path, cause });
}
