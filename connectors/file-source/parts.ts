/** What the steps of one task share. */

import { randomBytes } from 'node:crypto';
import type { SourceTaskContext } from '../contract/source.ts';
import type { FileSourceConfig } from './config.ts';
import { Generation } from './generation.ts';
import { GzipSlot } from './gzip-slot.ts';
import { OpenFiles } from './open-files.ts';
import { SharedBuffer } from './plain-bytes.ts';
import { Registry } from './registry.ts';
import type { TrackedFile } from './tracked-file.ts';

export interface Parts {
  readonly config: FileSourceConfig;
  readonly context: SourceTaskContext;
  readonly registry: Registry;
  readonly openFiles: OpenFiles;
  readonly buffer: SharedBuffer;
  readonly gzipSlot: GzipSlot;
  /** The file has something to do. */
  wake(file: TrackedFile): void;
  /** The file has nothing to do any more. */
  forget(file: TrackedFile): void;
  /** Names lead elsewhere than they did: a scan should follow. */
  scanSoon(): void;
}

export function makeParts(
  config: FileSourceConfig,
  context: SourceTaskContext,
  calls: Pick<Parts, 'wake' | 'forget' | 'scanSoon'>,
): Parts {
  return {
    config,
    context,
    registry: new Registry(),
    openFiles: new OpenFiles(config['open.files.max']),
    buffer: new SharedBuffer(),
    gzipSlot: new GzipSlot(calls.wake),
    ...calls,
  };
}

/** A generation that begins with this file; the id is unique, so that no stored position of another one is inherited. */
export function newGeneration(file: TrackedFile): Generation {
  const { dev, ino, bornUs, changedUs, size } = file.facts;
  const { path, compression } = file;
  const id = randomBytes(8).toString('hex');
  return new Generation(id, path, { path, dev, ino, bornUs, changedUs, size, compression });
}
