/** What people ask for, written to the config topic one after the other: each sees what the one before wrote, so no change is lost. */

import type { Catalogue } from '../../config/index.ts';
import { workerErrors } from '../error-codes.ts';
import { configRecords, type Settings, type TargetState } from '../stores/config-records.ts';
import type { ConfigStore } from '../stores/config-store.ts';
import { Turns } from '../turns.ts';
import { checkConnector } from './check-connector.ts';
import { unmasked } from './masking.ts';
import { sameSettings, targetOf } from './reconcile.ts';

export interface CommandsOptions {
  readonly catalogue: Catalogue;
  readonly store: ConfigStore;
}

export type PutOutcome = 'created' | 'changed' | 'unchanged';

/** A change of some settings; null removes one. */
export type SettingsPatch = Readonly<Record<string, string | null>>;

export class Commands {
  readonly #catalogue: Catalogue;
  readonly #store: ConfigStore;
  readonly #turns = new Turns();

  constructor({ catalogue, store }: CommandsOptions) {
    this.#catalogue = catalogue;
    this.#store = store;
  }

  /** Throws `worker/invalid-connector` before `worker/connector-exists`, as Kafka Connect does. */
  create(name: string, settings: Settings, initialState: TargetState): Promise<void> {
    return this.#turns.take(async () => {
      const complete = this.#checked(name, settings);
      await this.#store.refresh();
      if (this.#store.state.connectors.has(name)) {
        throw workerErrors.error('connector-exists', { message: `Connector ${name} already exists`, where: name });
      }
      const target = configRecords.targetState(name, initialState);
      await this.#store.write([target, configRecords.connector(name, complete)]);
    });
  }

  /** Replaces all settings; a masked secret keeps the value it has. */
  put(name: string, settings: Settings): Promise<PutOutcome> {
    return this.#turns.take(async () => {
      await this.#store.refresh();
      const current = this.#store.state.connectors.get(name);
      const complete = this.#checked(name, unmasked(settings, current));
      if (current !== undefined && sameSettings(current, complete)) return 'unchanged';
      await this.#store.write([configRecords.connector(name, complete)]);
      return current === undefined ? 'created' : 'changed';
    });
  }

  patch(name: string, changes: SettingsPatch): Promise<void> {
    return this.#turns.take(async () => {
      await this.#store.refresh();
      const current = this.#existing(name);
      const merged: Record<string, string> = { ...current };
      for (const [key, value] of Object.entries(changes)) {
        if (value === null) delete merged[key];
        else merged[key] = value;
      }
      const complete = this.#checked(name, unmasked(merged, current));
      if (!sameSettings(current, complete)) await this.#store.write([configRecords.connector(name, complete)]);
    });
  }

  /** Offsets, consumer group and task settings stay, as in Kafka Connect. */
  remove(name: string): Promise<void> {
    return this.#turns.take(async () => {
      await this.#store.refresh();
      this.#existing(name);
      await this.#store.write([configRecords.connector(name, null), configRecords.targetState(name, null)]);
    });
  }

  setTarget(name: string, target: TargetState): Promise<void> {
    return this.#turns.take(async () => {
      await this.#store.refresh();
      this.#existing(name);
      const { state } = this.#store;
      if (targetOf(state, name) === target) return;
      const empty = target === 'STOPPED' ? [configRecords.commit(name, 0)] : [];
      await this.#store.write([...empty, configRecords.targetState(name, target)]);
    });
  }

  /** Makes planned tasks current, unless the connector's settings are others by now. */
  commitPlan(name: string, plannedFrom: Settings, tasks: readonly Settings[]): Promise<void> {
    return this.#turns.take(async () => {
      if (this.#store.state.connectors.get(name) !== plannedFrom) return;
      if (targetOf(this.#store.state, name) !== 'STARTED') return;
      await this.#store.writeTasks(name, tasks);
    });
  }

  /** Takes the tasks of a stopped connector away. */
  commitNoTasks(name: string): Promise<void> {
    return this.#turns.take(async () => {
      const { state } = this.#store;
      if (targetOf(state, name) !== 'STOPPED' || (state.taskSets.get(name)?.tasks.length ?? 0) === 0) return;
      await this.#store.writeTasks(name, []);
    });
  }

  askForRestart(connector: string, includeTasks: boolean, onlyFailed: boolean): Promise<void> {
    return this.#turns.take(() => this.#store.write([configRecords.restart({ connector, includeTasks, onlyFailed })]));
  }

  /** Runs `change` when no command is under way, with the store up to date; for what must not meet a change of settings. */
  alone<T>(change: () => Promise<T>): Promise<T> {
    return this.#turns.take(async () => {
      await this.#store.refresh();
      return await change();
    });
  }

  #existing(name: string): Settings {
    const settings = this.#store.state.connectors.get(name);
    if (settings !== undefined) return settings;
    throw workerErrors.error('connector-missing', { message: `Connector ${name} not found`, where: name });
  }

  #checked(name: string, settings: Settings): Settings {
    const complete = { ...settings, name: settings['name'] ?? name };
    checkConnector(this.#catalogue, name, complete);
    return complete;
  }
}
