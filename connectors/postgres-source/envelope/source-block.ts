/** The `source` block: what stays the same between rows is kept as bytes, so that a row writes its LSN and little else. */

import { type ConnectSchema, int64, optional, string, struct } from '../values/connect-schema.ts';
import { JsonOutput } from '../values/json-output.ts';
import { quoted } from '../values/json-text.ts';
import type { ChangeFacts } from './change.ts';

const connector = 'postgresql';

export const sourceSchema: ConnectSchema = {
  ...struct('io.debezium.connector.postgresql.Source', {
    version: string,
    connector: string,
    name: string,
    ts_ms: int64,
    snapshot: {
      type: 'string',
      optional: true,
      name: 'io.debezium.data.Enum',
      version: 1,
      parameters: {
        allowed: 'true,first,first_in_data_collection,last_in_data_collection,last,false,incremental',
      },
      defaultJson: '"false"',
    },
    db: string,
    sequence: optional(string),
    ts_us: optional(int64),
    ts_ns: optional(int64),
    schema: string,
    table: string,
    txId: optional(int64),
    lsn: optional(int64),
    xmin: optional(int64),
    origin: optional(string),
    origin_lsn: optional(int64),
  }),
  version: 1,
};

export interface SourceNames {
  readonly version: string;
  /** `topic.prefix` */
  readonly name: string;
  readonly database: string;
  readonly schema: string;
  readonly table: string;
}

export class SourceBlock {
  readonly #begin: Buffer;
  readonly #database: Buffer;
  readonly #table: Buffer;
  /** The facts that the kept bytes were made of. */
  readonly #kept = {
    timeUs: -1,
    snapshot: '',
    txId: null as number | null,
    lastCommit: null as bigint | null,
    xmin: null as number | null,
    origin: null as string | null,
    originLsn: null as bigint | null,
  };
  /** Up to the LSN in `sequence`, from there to `lsn`, and from there to the end. */
  readonly #parts = [new JsonOutput(512), new JsonOutput(512), new JsonOutput(256)] as const;

  constructor(names: SourceNames) {
    const first = [quoted(names.version), `"connector":"${connector}"`, `"name":${quoted(names.name)}`];
    this.#begin = Buffer.from(`{"version":${first.join(',')},"ts_ms":`);
    this.#database = Buffer.from(`","db":${quoted(names.database)},"sequence":"[`);
    this.#table = Buffer.from(`,"schema":${quoted(names.schema)},"table":${quoted(names.table)},"txId":`);
    this.#keepTail(null, null, null);
  }

  write(out: JsonOutput, change: ChangeFacts): void {
    if (!this.#isKept(change)) this.#keep(change);
    const [head, middle, tail] = this.#parts;
    out.slice(head.bytes, 0, head.end);
    if (change.lsn === null) {
      this.#lastCommit(out, change.lastCommitLsn);
      out.slice(middle.bytes, 2, middle.end);
      out.ascii('null');
    } else {
      out.ascii('\\"');
      const start = out.end;
      out.bigInteger(change.lsn);
      const end = out.end;
      out.slice(middle.bytes, 0, middle.end);
      out.reserve(end - start);
      out.slice(out.bytes, start, end);
    }
    out.slice(tail.bytes, 0, tail.end);
  }

  /** In `sequence` it stands for the position of what has none, as Debezium has it. */
  #lastCommit(out: JsonOutput, lsn: bigint | null): void {
    if (lsn === null) {
      out.ascii('null');
      return;
    }
    out.ascii('\\"');
    out.bigInteger(lsn);
    out.ascii('\\"');
  }

  #isKept(change: ChangeFacts): boolean {
    const kept = this.#kept;
    return (
      kept.timeUs === change.sourceTimeUs &&
      kept.txId === change.transactionId &&
      kept.snapshot === change.snapshot &&
      kept.lastCommit === change.lastCommitLsn &&
      kept.xmin === change.xmin &&
      kept.origin === change.origin &&
      kept.originLsn === change.originLsn
    );
  }

  #keep(change: ChangeFacts): void {
    const kept = this.#kept;
    kept.timeUs = change.sourceTimeUs;
    kept.txId = change.transactionId;
    kept.snapshot = change.snapshot;
    kept.lastCommit = change.lastCommitLsn;
    if (kept.xmin !== change.xmin || kept.origin !== change.origin || kept.originLsn !== change.originLsn) {
      this.#keepTail(change.xmin, change.origin, change.originLsn);
    }
    const [head, middle] = this.#parts;
    head.restart();
    head.raw(this.#begin);
    head.integer(Math.floor(change.sourceTimeUs / 1000));
    head.ascii(`,"snapshot":"${change.snapshot}`);
    head.raw(this.#database);
    if (change.lastCommitLsn === null) head.ascii('null,');
    else {
      head.ascii('\\"');
      head.bigInteger(change.lastCommitLsn);
      head.ascii('\\",');
    }
    middle.restart();
    middle.ascii('\\"]","ts_us":');
    middle.integer(change.sourceTimeUs);
    middle.ascii(',"ts_ns":');
    writeNanos(middle, change.sourceTimeUs);
    middle.raw(this.#table);
    if (change.transactionId === null) middle.ascii('null');
    else middle.integer(change.transactionId);
    middle.ascii(',"lsn":');
  }

  #keepTail(xmin: number | null, origin: string | null, originLsn: bigint | null): void {
    const kept = this.#kept;
    kept.xmin = xmin;
    kept.origin = origin;
    kept.originLsn = originLsn;
    const name = origin === null ? 'null' : quoted(origin);
    const tail = this.#parts[2];
    tail.restart();
    tail.raw(Buffer.from(`,"xmin":${xmin ?? 'null'},"origin":${name},"origin_lsn":${originLsn ?? 'null'}}`));
  }
}

/** Nanoseconds of microseconds: beyond what numbers hold exactly, so their zeros are text. */
export function writeNanos(out: JsonOutput, micros: number): void {
  out.integer(micros);
  if (micros !== 0) out.ascii('000');
}
