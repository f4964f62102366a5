/** Heartbeats: a record that says no more than that the source is alive, and moves its position while tables are idle. */

import { heartbeatTopic } from '../routing/topics.ts';
import { type ConnectSchema, int64, string, struct } from '../values/connect-schema.ts';
import type { RecordTarget } from './change.ts';
import type { EnvelopeOptions } from './options.ts';
import { SideRecord } from './side-record.ts';

const keySchema: ConnectSchema = {
  ...struct('io.debezium.connector.common.ServerNameKey', { serverName: string }),
  version: 1,
};

const valueSchema: ConnectSchema = {
  ...struct('io.debezium.connector.common.Heartbeat', { ts_ms: int64 }),
  version: 1,
};

export class HeartbeatRecords {
  readonly #record: SideRecord;
  readonly #key: string;

  constructor(options: EnvelopeOptions) {
    this.#record = new SideRecord(heartbeatTopic(options.topics), keySchema, valueSchema, options);
    this.#key = JSON.stringify({ serverName: options.topics.prefix });
  }

  put(target: RecordTarget, nowMs: number): void {
    this.#record.put(target, this.#key, (out) => out.ascii(`{"ts_ms":${Math.floor(nowMs)}}`));
  }
}
