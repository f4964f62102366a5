/**
 * Has connectors that somebody stopped or deleted take away what they left at their source, once none of their tasks runs.
 * Tried once: whether the source is there or not, a connector that is deleted is gone, and what stays is in the log.
 */

import type { Catalogue } from '../../config/index.ts';
import type { SinkConnector } from '../../connectors/contract/sink.ts';
import type { Departure, SourceConnector } from '../../connectors/contract/source.ts';
import type { Clock } from '../../core/base/clock.ts';
import { describeError, MillraceError } from '../../core/base/errors.ts';
import type { Logger } from '../../core/base/logger.ts';
import type { ConfigState, Settings, TargetState } from '../stores/config-records.ts';
import { targetOf } from './reconcile.ts';

export interface DeparturesOptions {
  readonly catalogue: Catalogue;
  readonly loadConnector: (name: string) => Promise<SourceConnector | SinkConnector>;
  readonly clock: Clock;
  readonly logger: Logger;
  /** One is done: a connector of its name may run again. */
  readonly onDone: () => void;
}

interface Known {
  readonly settings: Settings;
  readonly target: TargetState;
}

type Leaving = Pick<Departure, 'settings' | 'why'>;

/** A source that does not answer must not keep a new connector of the same name from running. */
const longestMs = 60_000;

export class Departures {
  readonly #options: DeparturesOptions;
  #known: ReadonlyMap<string, Known> | undefined;
  /** Those whose tasks may still run. */
  readonly #waiting = new Map<string, Leaving>();
  readonly #busy = new Map<string, Promise<void>>();
  readonly #closing = new AbortController();

  constructor(options: DeparturesOptions) {
    this.#options = options;
  }

  /** Called at every change of the config topic, and when a task has ended. Who was gone before the first call is not seen. */
  look(state: ConfigState, isRunning: (connector: string) => boolean): void {
    const before = this.#known ?? new Map<string, Known>();
    const now = new Map<string, Known>();
    for (const [name, settings] of state.connectors) now.set(name, { settings, target: targetOf(state, name) });
    this.#known = now;
    for (const [name, known] of before) {
      const why = departureOf(known, now.get(name));
      if (why !== undefined) this.#waiting.set(name, { settings: known.settings, why });
    }
    for (const [name, leaving] of this.#waiting) {
      const current = now.get(name);
      const isBack = leaving.why === 'deleted' ? current !== undefined : current?.target !== 'STOPPED';
      if (isBack || isRunning(name) || this.#busy.has(name)) {
        if (isBack) this.#waiting.delete(name);
        continue;
      }
      this.#waiting.delete(name);
      this.#start(name, leaving);
    }
  }

  /** Its tasks must wait: what it needs is being taken away. */
  isBusy(connector: string): boolean {
    return this.#busy.has(connector);
  }

  /** Gives up what is under way. */
  async close(): Promise<void> {
    this.#closing.abort();
    await Promise.all(this.#busy.values());
  }

  #start(name: string, leaving: Leaving): void {
    const done = this.#cleanUp(name, leaving).finally(() => {
      this.#busy.delete(name);
      this.#options.onDone();
    });
    this.#busy.set(name, done);
  }

  async #cleanUp(name: string, { settings, why }: Leaving): Promise<void> {
    const { catalogue, loadConnector, clock, logger } = this.#options;
    const definition = catalogue.find(settings['connector.class'] ?? '');
    if (definition === undefined) return;
    const own = logger.child({ connector: name });
    const given = Promise.withResolvers<never>();
    given.promise.catch(() => {});
    const giveUp = (reason: string) => given.reject(new Error(reason));
    const timer = clock.timer(longestMs, () => giveUp(`it took longer than ${longestMs / 1000} s`));
    const onClose = () => giveUp('the worker stops');
    this.#closing.signal.addEventListener('abort', onClose, { once: true });
    try {
      const connector = await loadConnector(definition.name);
      if (!('cleanUp' in connector) || connector.cleanUp === undefined) return;
      await Promise.race([connector.cleanUp({ settings, why, clock, logger: own }), given.promise]);
    } catch (error) {
      const known = error instanceof MillraceError ? error : undefined;
      const { code, where, fix } = { code: known?.code, where: known?.where, fix: known?.fix };
      const reason = describeError(error);
      own.error(
        { code, where, fix, reason },
        `the connector is ${why}, and what it left at its source may still be there`,
      );
    } finally {
      timer.cancel();
      this.#closing.signal.removeEventListener('abort', onClose);
    }
  }
}

function departureOf(before: Known, now: Known | undefined): Departure['why'] | undefined {
  if (now === undefined) return 'deleted';
  return now.target === 'STOPPED' && before.target !== 'STOPPED' ? 'stopped' : undefined;
}
