/** Reads the topics that connectors take signals from (Debezium's channel `kafka`), while their tasks run here, and hands each signal over as REST does. */

import type { Clock } from '../../core/base/clock.ts';
import { describeError } from '../../core/base/errors.ts';
import type { Logger } from '../../core/base/logger.ts';
import { type Cluster, createFetcher, type Fetcher, latestOffset, listOffsets } from '../../core/client/index.ts';
import { RecordCursor } from '../../core/protocol/record-cursor.ts';
import type { OffsetStore } from '../stores/offset-store.ts';
import type { Topics } from '../topics.ts';
import type { ConnectorSignals, Signal } from './connector-signals.ts';
import type { DesiredTask } from './reconcile.ts';

export interface SignalTopic {
  readonly topic: string;
  /** Of the records that are for this connector. */
  readonly key: string;
}

export interface SignalTopicsOptions {
  /** Where the connector takes signals from; undefined for one that takes none, or none from a topic. */
  readonly topicOf: (connector: string) => SignalTopic | undefined;
  readonly signals: ConnectorSignals;
  readonly offsets: OffsetStore;
  readonly topics: Pick<Topics, 'create'>;
  readonly cluster: Cluster;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Signals have an order, so their topic has one partition; of others the first is read. */
const partition = 0;
const retryMs = 5_000;

export class SignalTopics {
  readonly #options: SignalTopicsOptions;

  constructor(options: SignalTopicsOptions) {
    this.#options = options;
  }

  /** Hands signals over until `ended` aborts. Never rejects: what goes wrong is told of in the log and tried again. */
  async follow({ connector, index }: DesiredTask, ended: AbortSignal): Promise<void> {
    const { topicOf, clock, logger } = this.#options;
    const from = index === 0 ? topicOf(connector) : undefined;
    if (from === undefined) return;
    while (!ended.aborted) {
      await this.#read(connector, from, ended).catch((error: unknown) => {
        if (ended.aborted) return undefined;
        const about = { connector, topic: from.topic, reason: describeError(error) };
        logger.warn(about, 'signals are not read from their topic, which is tried again');
        return clock.sleep(retryMs, ended).catch(() => {});
      });
    }
  }

  async #read(connector: string, from: SignalTopic, ended: AbortSignal): Promise<void> {
    const { cluster, topics } = this.#options;
    const { topic } = from;
    await topics.create([{ topic, partitions: 1, replicationFactor: -1, config: {} }]);
    const offset = await this.#start(connector, topic);
    const fetcher = createFetcher(cluster, { isolation: 'read_committed', onOutOfRange: 'earliest' });
    try {
      fetcher.assign([{ topic, partition, offset }]);
      while (!ended.aborted) await this.#next(connector, from, fetcher, ended);
    } finally {
      fetcher.close();
    }
  }

  /** What was said before the connector was there is not for it: from the end of the topic, which is stored at once. */
  async #start(connector: string, topic: string): Promise<number> {
    const { offsets, cluster } = this.#options;
    const stored = await offsets.read(connector);
    const own = stored.find((each) => each.partition['signals'] === topic)?.offset['offset'];
    if (typeof own === 'number') return own;
    const [end] = await listOffsets(cluster, [{ topic, partition, timestampMs: latestOffset }]);
    const offset = end?.offset ?? 0;
    await offsets.write(connector, [placeOf(topic, offset)]);
    return offset;
  }

  async #next(connector: string, from: SignalTopic, fetcher: Fetcher, ended: AbortSignal): Promise<void> {
    const { signals, offsets } = this.#options;
    const { topic, key } = from;
    for (const { records, fetchOffset, nextOffset, release } of await fetcher.next(ended)) {
      const cursor = new RecordCursor({ topic, partition });
      cursor.reset(records, fetchOffset);
      while (cursor.next()) {
        const { offset } = cursor;
        const signal =
          textOf(cursor.keyStart, cursor.keyEnd, cursor.bytes) === key
            ? this.#readSignal(connector, cursor)
            : undefined;
        if (signal === undefined) continue;
        // The same name whenever it is read: one that waits already is not told twice.
        const name = `${new Date(cursor.timestampMs).toISOString()} ${topic} ${String(offset).padStart(20, '0')}`;
        await signals.send(connector, signal, { name, with: [placeOf(topic, offset + 1)] });
      }
      release();
      await offsets.write(connector, [placeOf(topic, nextOffset)]);
    }
  }

  /** `{"type"[, "id"][, "data"]}`; undefined, and a line in the log, for anything else. */
  #readSignal(connector: string, { bytes, valueStart, valueEnd, offset }: RecordCursor): Signal | undefined {
    const text = textOf(valueStart, valueEnd, bytes);
    const complain = (reason: string) => {
      this.#options.logger.warn(
        { connector, offset, signal: text?.slice(0, 200), reason },
        'a signal was not understood',
      );
      return undefined;
    };
    let value: unknown;
    try {
      value = JSON.parse(text ?? '');
    } catch {
      return complain('its value is no JSON');
    }
    if (typeof value !== 'object' || value === null || !('type' in value) || typeof value.type !== 'string') {
      return complain('it has no type');
    }
    const id = 'id' in value && typeof value.id === 'string' ? value.id : `${offset}`;
    const data = 'data' in value ? value.data : null;
    return { id, type: value.type, data: data === null || typeof data === 'string' ? data : JSON.stringify(data) };
  }
}

/** Signals before the offset are handed over. */
function placeOf(topic: string, offset: number) {
  return { partition: { signals: topic }, offset: { offset } };
}

function textOf(start: number, end: number, bytes: Buffer): string | undefined {
  return start < 0 ? undefined : bytes.toString('utf8', start, end);
}
