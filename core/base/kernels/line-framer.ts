/** Frames lines as records at the speed of memory: the host of the `lines` kernel. */

import { instantiate } from './instantiate.ts';
import { linesKernel } from './lines.wasm.ts';

/** Bytes of text the kernel is given at a time: small enough to stay in the processor's cache with what comes out. */
const framedAtOnceBytes = 32 * 1024;

/** Results lie in front, then the input with a vector to read past its end, then the output. */
const inputAt = 64;
const outputAt = inputAt + framedAtOnceBytes + 64;
const memoryBytes = 4 * 65_536;

/** Limits beyond it limit nothing: no input is that long. */
const largestInt32 = 0x7fff_ffff;

export interface FrameRequest {
  /** Of the first record. */
  readonly offsetDelta: number;
  /** Of every record. */
  readonly timestampDelta: number;
  /** A longer line ends the call. */
  readonly maxLineBytes: number;
  readonly maxRecords: number;
  /** The records may take this many bytes, headers included. */
  readonly outputBytes: number;
  /** Ends the call once it is used up; each record takes its value's bytes and `recordCost`. */
  readonly budget: number;
  readonly recordCost: number;
}

/** What the last call did. */
export interface Framed {
  /** Bytes of the input that became records, newlines included. */
  consumedBytes: number;
  recordCount: number;
  /** Of the values alone. */
  payloadBytes: number;
  /** The next line was there and found no room in the output. */
  isFull: boolean;
  /** The records; valid until the next call. */
  records: Buffer;
}

interface LinesKernel {
  frameLines(
    start: number,
    end: number,
    out: number,
    outEnd: number,
    firstOffsetDelta: number,
    timestampDelta: bigint,
    maxLineBytes: number,
    maxRecords: number,
    budget: number,
    recordCost: number,
  ): void;
}

export class LineFramer {
  readonly #kernel = instantiate<LinesKernel>(linesKernel);
  readonly #memory = Buffer.from(this.#kernel.memory.buffer);
  readonly #results = new Int32Array(this.#kernel.memory.buffer, 0, 5);
  readonly #framed: Framed = {
    consumedBytes: 0,
    recordCount: 0,
    payloadBytes: 0,
    isFull: false,
    records: this.#memory.subarray(0, 0),
  };

  /**
   * Frames the whole lines at the beginning of `bytes[start, end)`, at most `framedAtOnceBytes` of them, without newline
   * and without one carriage return before it. The answer is reused by the next call.
   */
  frame(bytes: Buffer, start: number, end: number, request: FrameRequest): Framed {
    const inputBytes = Math.min(end - start, framedAtOnceBytes);
    bytes.copy(this.#memory, inputAt, start, start + inputBytes);
    this.#kernel.frameLines(
      inputAt,
      inputAt + inputBytes,
      outputAt,
      Math.min(outputAt + request.outputBytes, memoryBytes),
      request.offsetDelta,
      BigInt(request.timestampDelta),
      Math.min(request.maxLineBytes, largestInt32),
      Math.min(request.maxRecords, largestInt32),
      Math.min(request.budget, largestInt32),
      request.recordCost,
    );
    const framed = this.#framed;
    framed.consumedBytes = this.#results[0]!;
    framed.recordCount = this.#results[2]!;
    framed.payloadBytes = this.#results[3]!;
    framed.isFull = this.#results[4] === 1;
    framed.records = this.#memory.subarray(outputAt, outputAt + this.#results[1]!);
    return framed;
  }
}
