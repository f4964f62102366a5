/** `provide.transaction.metadata`: the place of each change in its transaction, and records that mark begin and end. */

import { transactionTopic } from '../routing/topics.ts';
import { type ConnectSchema, int64, optional, string, struct } from '../values/connect-schema.ts';
import type { RecordTarget, TransactionPlace } from './change.ts';
import type { EnvelopeOptions } from './options.ts';
import { SideRecord } from './side-record.ts';

const keySchema: ConnectSchema = {
  ...struct('io.debezium.connector.common.TransactionMetadataKey', { id: string }),
  version: 1,
};

const collectionSchema: ConnectSchema = {
  ...struct('event.collection', { data_collection: string, event_count: int64 }),
  version: 1,
  optional: true,
};

const valueSchema: ConnectSchema = {
  ...struct('io.debezium.connector.common.TransactionMetadataValue', {
    status: string,
    id: string,
    event_count: optional(int64),
    data_collections: { type: 'array', items: collectionSchema, optional: true },
    ts_ms: int64,
  }),
  version: 1,
};

/** Counts the changes of one transaction after another; its state is what a restart in the middle must give back. */
export class TransactionCounter {
  readonly #place: TransactionPlace = {
    id: '',
    totalOrder: 0,
    dataCollectionOrder: 0,
    countAgain: () => void this.next(this.#collection),
  };
  readonly #counts = new Map<string, number>();
  /** Of the change counted last. */
  #collection = '';

  /** `commitLsn` is that of the transaction's commit, so that all of it has one id. */
  begin(transactionId: number, commitLsn: bigint): void {
    this.#place.id = `${transactionId}:${commitLsn}`;
    this.#place.totalOrder = 0;
    this.#counts.clear();
  }

  get id(): string {
    return this.#place.id;
  }

  get eventCount(): number {
    return this.#place.totalOrder;
  }

  /** Events of each `schema.table`. */
  get counts(): ReadonlyMap<string, number> {
    return this.#counts;
  }

  /** Counts one change. The object is the same each time. */
  next(collection: string): TransactionPlace {
    this.#collection = collection;
    const order = (this.#counts.get(collection) ?? 0) + 1;
    this.#counts.set(collection, order);
    this.#place.totalOrder++;
    this.#place.dataCollectionOrder = order;
    return this.#place;
  }
}

export class TransactionRecords {
  readonly #record: SideRecord;

  constructor(options: EnvelopeOptions) {
    this.#record = new SideRecord(transactionTopic(options.topics), keySchema, valueSchema, options);
  }

  /** `timeMs` is when it was committed. */
  begin(target: RecordTarget, id: string, timeMs: number): void {
    const text = `{"status":"BEGIN","id":${JSON.stringify(id)},"event_count":null,"data_collections":null,"ts_ms":${timeMs}}`;
    this.#record.put(target, keyOf(id), (out) => out.ascii(text));
  }

  end(target: RecordTarget, counter: TransactionCounter, timeMs: number): void {
    const { id, eventCount } = counter;
    const collections = [...counter.counts].map(([name, count]) => ({ data_collection: name, event_count: count }));
    const value = { status: 'END', id, event_count: eventCount, data_collections: collections, ts_ms: timeMs };
    this.#record.put(target, keyOf(id), (out) => out.raw(Buffer.from(JSON.stringify(value))));
  }
}

function keyOf(id: string): string {
  return JSON.stringify({ id });
}
