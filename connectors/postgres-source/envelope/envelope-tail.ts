/** The end of an envelope, `"transaction":…,"op":…,"ts_ms":…`: kept as bytes while nothing in it changes. */

import { JsonOutput } from '../values/json-output.ts';
import { quoted } from '../values/json-text.ts';
import type { Operation, TransactionPlace } from './change.ts';
import { writeNanos } from './source-block.ts';

export class EnvelopeTail {
  #nowUs = -1;
  #op = '';
  readonly #kept = new JsonOutput(256);

  /** From the comma in front of `transaction` to the brace that closes the envelope. */
  write(out: JsonOutput, op: Operation, nowUs: number, transaction: TransactionPlace | null): void {
    if (this.#nowUs !== nowUs || this.#op !== op) this.#keep(op, nowUs);
    if (transaction === null) out.ascii(',"transaction":null');
    else writeTransaction(out, transaction);
    out.slice(this.#kept.bytes, 0, this.#kept.end);
  }

  #keep(op: Operation, nowUs: number): void {
    this.#nowUs = nowUs;
    this.#op = op;
    const kept = this.#kept;
    kept.restart();
    kept.ascii(`,"op":"${op}","ts_ms":`);
    kept.integer(Math.floor(nowUs / 1000));
    kept.ascii(',"ts_us":');
    kept.integer(nowUs);
    kept.ascii(',"ts_ns":');
    writeNanos(kept, nowUs);
    kept.byte(0x7d);
  }
}

function writeTransaction(out: JsonOutput, transaction: TransactionPlace): void {
  out.ascii(`,"transaction":{"id":${quoted(transaction.id)},"total_order":`);
  out.integer(transaction.totalOrder);
  out.ascii(',"data_collection_order":');
  out.integer(transaction.dataCollectionOrder);
  out.byte(0x7d);
}
