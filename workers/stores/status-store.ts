/** The status topic as a store: what every connector and task last said about itself. */

import { describeError } from '../../core/base/errors.ts';
import type { Logger } from '../../core/base/logger.ts';
import type { StoreRecord } from './config-records.ts';
import {
  type ActiveTopic,
  applyStatusRecord,
  emptyStatusState,
  type Status,
  type StatusState,
  statusRecords,
} from './status-records.ts';
import { type KeyedLog, TopicStore } from './topic-store.ts';

export interface StatusStoreOptions {
  readonly log: KeyedLog;
  readonly logger: Logger;
  readonly onFailed: (error: unknown) => void;
}

export class StatusStore {
  readonly #store: TopicStore;
  readonly #logger: Logger;
  readonly #state = emptyStatusState();
  /** What is to be written next, the last word per key: bounded by the number of tasks. */
  #pending = new Map<string, StoreRecord>();
  /** What was said last per key, so that the same is not written twice. */
  readonly #named = new Set<string>();
  readonly #said = new Map<string, string | null>();
  #writing: Promise<void> | undefined;
  #closed = false;

  constructor({ log, logger, onFailed }: StatusStoreOptions) {
    this.#logger = logger;
    const apply = (record: StoreRecord) => applyStatusRecord(this.#state, record);
    this.#store = new TopicStore({ log, apply, onFailed });
  }

  /** What was read back: a status counts as said once everybody can see it. */
  get state(): StatusState {
    return this.#state;
  }

  open(): Promise<void> {
    return this.#store.open();
  }

  /** The last word of anybody about the task, everything that was said before the call included. */
  async lastOf(connector: string, index: number): Promise<Status | undefined> {
    await this.#store.refresh();
    return this.#state.tasks.get(connector)?.get(index);
  }

  connector(name: string, status: Status | null): void {
    if (status === null) this.#named.delete(name);
    else this.#named.add(name);
    this.#say(statusRecords.connector(name, status));
  }

  task(name: string, index: number, status: Status | null): void {
    this.#say(statusRecords.task(name, index, status));
  }

  activeTopic(active: ActiveTopic): void {
    if (this.#state.topics.get(active.connector)?.has(active.topic) === true) return;
    this.#say(statusRecords.topic(active));
  }

  /** Every connector that has a status, or was given one here that nobody can see yet. */
  connectorNames(): Set<string> {
    return new Set([...this.#state.connectors.keys(), ...this.#named]);
  }

  /** Forgets which topics the connector used. */
  forgetTopics(connector: string): void {
    for (const topic of this.#state.topics.get(connector)?.keys() ?? []) {
      this.#say(statusRecords.noTopic(connector, topic));
    }
  }

  /** Resolves when everything said before the call was written and read back. */
  async flush(): Promise<void> {
    await this.#writing;
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#store.close();
    await this.#writing;
  }

  #say(record: StoreRecord): void {
    if (this.#said.get(record.key) === record.value || this.#closed) return;
    this.#said.set(record.key, record.value);
    this.#pending.set(record.key, record);
    this.#writing ??= this.#writePending();
  }

  async #writePending(): Promise<void> {
    // What is said in the same turn goes into one batch.
    await Promise.resolve();
    while (this.#pending.size > 0 && !this.#closed) {
      const records = [...this.#pending.values()];
      this.#pending = new Map();
      try {
        await this.#store.write(records);
      } catch (error) {
        for (const { key } of records) this.#said.delete(key);
        if (!this.#closed) this.#logger.warn({ reason: describeError(error) }, 'a status could not be written');
      }
    }
    this.#writing = undefined;
  }
}
