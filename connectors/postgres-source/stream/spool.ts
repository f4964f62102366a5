/**
 * Keeps what the server sends of transactions that have not ended: in memory while it is little, in files behind that. A
 * subtransaction that is rolled back is left out when the transaction is read; what is rolled back as a whole is dropped.
 */

import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { type SpoolFile, SpoolKey } from './spool-file.ts';

export interface SpoolOptions {
  /** Made when the first transaction needs a file. */
  readonly folder: string;
  /** Of all transactions together. */
  readonly memoryBytes: number;
}

/** One message: its position in the log, its (sub)transaction, `bytes[start, end)`. One object for all of a reader. */
export interface SpooledMessage {
  lsn: bigint;
  bytes: Buffer;
  start: number;
  end: number;
}

/** Before each message: its length, the subtransaction, the position. */
const headerBytes = 16;

const blockBytes = 256 * 1024;

class Transaction {
  /** What is in memory, behind what is in the file. */
  blocks: Buffer[] = [];
  usedOfLast = 0;
  memoryBytes = 0;
  file: SpoolFile | undefined;
  messageCount = 0;
  readonly aborted = new Set<number>();
}

export class Spool {
  readonly #options: SpoolOptions;
  readonly #key = new SpoolKey();
  readonly #transactions = new Map<number, Transaction>();
  /** Blocks that were written to files and hold nothing any more. As many as fit into `memoryBytes`, and one. */
  readonly #written: Buffer[] = [];
  #memoryBytes = 0;
  #folder: string | undefined;
  #nextFile = 0;

  constructor(options: SpoolOptions) {
    this.#options = options;
  }

  /** Bytes of all transactions, in memory and in files. */
  get heldBytes(): number {
    let sum = 0;
    for (const { memoryBytes, file } of this.#transactions.values()) sum += memoryBytes + (file?.bytes ?? 0);
    return sum;
  }

  /** Whether `settle` should be called before more is added. */
  get isCrowded(): boolean {
    return this.#memoryBytes > this.#options.memoryBytes;
  }

  /** Adds a copy of `bytes[start, end)` to the transaction. */
  add(transactionId: number, subtransactionId: number, lsn: bigint, bytes: Buffer, start: number, end: number): void {
    const transaction = this.#of(transactionId);
    const length = end - start;
    const needed = headerBytes + length;
    let block = transaction.blocks.at(-1);
    if (block === undefined || block.length - transaction.usedOfLast < needed) {
      if (block !== undefined)
        transaction.blocks[transaction.blocks.length - 1] = block.subarray(0, transaction.usedOfLast);
      // A transaction of a few rows, of which there may be many, takes little.
      const wanted = transaction.blocks.length === 0 ? 4096 : blockBytes;
      const size = Math.max(needed, wanted);
      block = (size === blockBytes ? this.#written.pop() : undefined) ?? Buffer.allocUnsafeSlow(size);
      transaction.blocks.push(block);
      transaction.usedOfLast = 0;
      transaction.memoryBytes += block.length;
      this.#memoryBytes += block.length;
    }
    const at = transaction.usedOfLast;
    block.writeUInt32LE(length, at);
    block.writeUInt32LE(subtransactionId, at + 4);
    block.writeBigUInt64LE(lsn, at + 8);
    bytes.copy(block, at + headerBytes, start, end);
    transaction.usedOfLast = at + needed;
    transaction.messageCount += 1;
  }

  /** Moves the largest transactions into files until the rest fits the memory. */
  async settle(): Promise<void> {
    while (this.isCrowded) {
      const [largest] = [...this.#transactions.values()].sort((a, b) => b.memoryBytes - a.memoryBytes);
      if (largest === undefined || largest.memoryBytes === 0) return;
      await this.#spill(largest);
    }
  }

  /** What the subtransaction did is not to be seen. */
  abort(transactionId: number, subtransactionId: number): void {
    this.#transactions.get(transactionId)?.aborted.add(subtransactionId);
  }

  async drop(transactionId: number): Promise<void> {
    const transaction = this.#transactions.get(transactionId);
    if (transaction === undefined) return;
    this.#transactions.delete(transactionId);
    this.#memoryBytes -= transaction.memoryBytes;
    await transaction.file?.close();
  }

  /** Reads the messages of a transaction that has committed, in order. The reader must be done before it is dropped. */
  read(transactionId: number): SpoolReader {
    return new SpoolReader(this.#of(transactionId));
  }

  async close(): Promise<void> {
    for (const transactionId of [...this.#transactions.keys()]) await this.drop(transactionId);
    if (this.#folder !== undefined) await rm(this.#folder, { recursive: true, force: true });
  }

  #of(transactionId: number): Transaction {
    let transaction = this.#transactions.get(transactionId);
    if (transaction === undefined) {
      transaction = new Transaction();
      this.#transactions.set(transactionId, transaction);
    }
    return transaction;
  }

  async #spill(transaction: Transaction): Promise<void> {
    if (transaction.file === undefined) {
      await mkdir(this.#options.folder, { recursive: true });
      this.#folder ??= await mkdtemp(join(this.#options.folder, 'transactions-'));
      transaction.file = await this.#key.open(join(this.#folder, String(this.#nextFile++)));
    }
    const blocks = blocksOf(transaction);
    transaction.blocks = [];
    transaction.usedOfLast = 0;
    for (const block of blocks) {
      await transaction.file.append(block);
      if (block.buffer.byteLength === blockBytes) this.#written.push(Buffer.from(block.buffer));
    }
    this.#memoryBytes -= transaction.memoryBytes;
    transaction.memoryBytes = 0;
  }
}

function blocksOf({ blocks, usedOfLast }: Transaction): Buffer[] {
  return blocks.map((block, index) => (index === blocks.length - 1 ? block.subarray(0, usedOfLast) : block));
}

const readBytes = 1024 * 1024;

/** Goes through one transaction: `next` gives what is in memory, `more` brings the next piece into it. */
export class SpoolReader {
  readonly #transaction: Transaction;
  readonly #message: SpooledMessage = { lsn: 0n, bytes: Buffer.alloc(0), start: 0, end: 0 };
  #window: Buffer = Buffer.alloc(0);
  #at = 0;
  #readFile: ((count: number) => Promise<Buffer>) | undefined;
  #filePosition = 0;
  #nextBlock = 0;

  constructor(transaction: Transaction) {
    this.#transaction = transaction;
  }

  /** The next message that was not rolled back; undefined when `more` must be called. Valid until then. */
  next(): SpooledMessage | undefined {
    const window = this.#window;
    while (this.#at + headerBytes <= window.length) {
      const at = this.#at;
      const end = at + headerBytes + window.readUInt32LE(at);
      if (end > window.length) return undefined;
      this.#at = end;
      if (this.#isLeftOut(window, at)) continue;
      this.#message.lsn = window.readBigUInt64LE(at + 8);
      this.#message.bytes = window;
      this.#message.start = at + headerBytes;
      this.#message.end = end;
      return this.#message;
    }
    return undefined;
  }

  /** False when there is nothing more. Rejects with the error of the file system. */
  async more(): Promise<boolean> {
    const { file } = this.#transaction;
    const rest = this.#window.subarray(this.#at);
    this.#at = 0;
    if (file !== undefined && this.#filePosition < file.bytes) {
      const needed = rest.length >= 4 ? headerBytes + rest.readUInt32LE(0) : 0;
      const wanted = Math.min(Math.max(readBytes, needed - rest.length), file.bytes - this.#filePosition);
      this.#readFile ??= file.reader();
      this.#window = Buffer.concat([rest, await this.#readFile(wanted)]);
      this.#filePosition += wanted;
      return true;
    }
    const block = blocksOf(this.#transaction)[this.#nextBlock];
    this.#nextBlock += 1;
    this.#window = block ?? Buffer.alloc(0);
    return block !== undefined;
  }

  /** Tables are described once for all, whoever's rows come first: a description outlives its subtransaction. */
  #isLeftOut(window: Buffer, at: number): boolean {
    const { aborted } = this.#transaction;
    if (aborted.size === 0 || !aborted.has(window.readUInt32LE(at + 4))) return false;
    return window[at + headerBytes] !== 0x52;
  }
}
