/** Requests to the tasks of a source: stored with its offsets first, then told to the task that runs, which removes them once they are taken. */

import { randomUUID } from 'node:crypto';
import type { SourcePosition } from '../../connectors/contract/source.ts';
import type { Clock } from '../../core/base/clock.ts';
import { workerErrors } from '../error-codes.ts';
import type { OffsetStore } from '../stores/offset-store.ts';
import type { Herder } from './herder.ts';

export interface Signal {
  readonly id: string;
  readonly type: string;
  /** JSON; null where there is none. */
  readonly data: string | null;
}

export interface SendOptions {
  /** Signals are taken in the order of their names; made up of the time unless given. */
  readonly name?: string;
  /** Stored in one request with the signal. */
  readonly with?: readonly SourcePosition[];
}

export interface ConnectorSignalsOptions {
  readonly herder: Herder;
  readonly offsets: OffsetStore;
  readonly clock: Clock;
}

/** Of a connector that does not run. */
const mostWaiting = 1000;

export class ConnectorSignals {
  readonly #options: ConnectorSignalsOptions;

  constructor(options: ConnectorSignalsOptions) {
    this.#options = options;
  }

  /**
   * Resolves when the signal is durable: a task that does not run now takes it at its next start. Throws
   * `worker/bad-request` for a connector that takes none, or for which too many wait.
   */
  async send(connector: string, { id, type, data }: Signal, more: SendOptions = {}): Promise<void> {
    const { herder, offsets, clock } = this.#options;
    const definition = herder.catalogue.find(herder.settingsOf(connector)?.['connector.class'] ?? '');
    if (definition?.takesSignals !== true) {
      throw workerErrors.error('bad-request', { message: 'the connector takes no signals', where: connector });
    }
    const stored = await offsets.read(connector);
    const waiting = stored.filter(({ partition }) => typeof partition['signal'] === 'string').length;
    if (waiting >= mostWaiting) {
      const message = `${waiting} signals wait for the connector already`;
      throw workerErrors.error('bad-request', { message, where: connector });
    }
    // In the order of their names, which is that of time.
    const name = more.name ?? `${new Date(clock.nowMs()).toISOString()} ${randomUUID()}`;
    const position = { partition: { signal: name }, offset: { id, type, data } };
    await offsets.write(connector, [position, ...(more.with ?? [])]);
    for (const { task, run } of herder.tasks()) if (task.connector === connector) run?.signalled?.([position]);
  }
}
