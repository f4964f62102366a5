/** The config topic as a store: what connectors there are, with which tasks, to run or not. */

import {
  applyConfigRecord,
  type ConfigState,
  configRecords,
  emptyConfigState,
  type RestartRequest,
  type Settings,
  type StoreRecord,
} from './config-records.ts';
import { type KeyedLog, TopicStore } from './topic-store.ts';

export interface ConfigStoreOptions {
  readonly log: KeyedLog;
  /** Something was written, here or elsewhere; not called for what was there at the opening. */
  readonly onChange: () => void;
  readonly onRestart: (request: RestartRequest) => void;
  readonly onFailed: (error: unknown) => void;
}

export class ConfigStore {
  readonly #store: TopicStore;
  readonly #state = emptyConfigState();

  constructor({ log, onChange, onRestart, onFailed }: ConfigStoreOptions) {
    const apply = (record: StoreRecord, live: boolean) => {
      const restart = applyConfigRecord(this.#state, record);
      if (!live) return;
      if (restart !== undefined) onRestart(restart);
      onChange();
    };
    this.#store = new TopicStore({ log, apply, onFailed });
  }

  /** What the records read so far amount to; changes under the reader's hands, and only by reading. */
  get state(): ConfigState {
    return this.#state;
  }

  open(): Promise<void> {
    return this.#store.open();
  }

  refresh(): Promise<void> {
    return this.#store.refresh();
  }

  /** Resolves when the records are durable and part of `state`. Several go into one batch: all of them or none. */
  write(records: readonly StoreRecord[]): Promise<void> {
    return this.#store.write(records);
  }

  /** A connector's tasks all at once: the commit record makes them current. */
  writeTasks(connector: string, tasks: readonly Settings[]): Promise<void> {
    const records = tasks.map((settings, index) => configRecords.task(connector, index, settings));
    return this.write([...records, configRecords.commit(connector, tasks.length)]);
  }

  close(): Promise<void> {
    return this.#store.close();
  }
}
