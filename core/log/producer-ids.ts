/** Producer ids that are never given twice: taken from blocks, each made durable before its first id is used. */

import path from 'node:path';
import type { Disk } from '../base/disk.ts';
import { logErrors } from './error-codes.ts';
import { producerIdsName } from './file-names.ts';

/** As in Kafka; a crash loses at most the rest of one block. */
const blockSize = 1000;

export class ProducerIds {
  readonly #disk: Disk;
  readonly #file: string;
  #next: number;
  #blockEnd: number;
  #reserving: Promise<void> | undefined;

  constructor(options: { disk: Disk; file: string; next: number }) {
    this.#disk = options.disk;
    this.#file = options.file;
    this.#next = options.next;
    this.#blockEnd = options.next;
  }

  async nextProducerId(): Promise<number> {
    while (this.#next >= this.#blockEnd) {
      this.#reserving ??= this.#reserve().finally(() => {
        this.#reserving = undefined;
      });
      await this.#reserving;
    }
    this.#next += 1;
    return this.#next - 1;
  }

  async #reserve(): Promise<void> {
    const end = this.#blockEnd + blockSize;
    await this.#disk.replaceFile(this.#file, Buffer.from(`${end}\n`));
    this.#blockEnd = end;
  }
}

/** Goes on behind the last block that was reserved. Rejects with `log/damaged` when the file does not hold a number: starting over would give ids twice. */
export async function openProducerIds({ disk, dataDir }: { disk: Disk; dataDir: string }): Promise<ProducerIds> {
  const file = path.join(dataDir, producerIdsName);
  const text = (await disk.readFile(file))?.toString('utf8').trim() ?? '0';
  if (!/^\d{1,15}$/.test(text)) {
    throw logErrors.error('damaged', {
      message: 'the file does not hold the end of a block of producer ids',
      where: file,
    });
  }
  return new ProducerIds({ disk, file, next: Number(text) });
}
