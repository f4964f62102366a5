/** All open connections: accepts them, closes idle ones, and lets them finish when the broker stops. */

import type { Clock, Timer } from '../base/clock.ts';
import type { Logger } from '../base/logger.ts';
import type { BatchMemory } from '../protocol/batch-memory.ts';
import type { ByteBudget } from './byte-budget.ts';
import { Connection } from './connection.ts';
import type { Dispatcher } from './dispatcher.ts';
import type { BrokerLimits } from './settings.ts';
import type { Transport } from './transport.ts';

export interface ConnectionSetOptions {
  readonly dispatcher: Dispatcher;
  readonly budget: ByteBudget;
  readonly memory: BatchMemory;
  readonly limits: BrokerLimits;
  readonly clock: Clock;
  readonly logger: Logger;
}

export class ConnectionSet {
  readonly #options: ConnectionSetOptions;
  readonly #connections = new Set<Connection>();
  #idleTimer: Timer | undefined;
  #whenEmpty: (() => void) | undefined;
  #isFinishing = false;

  constructor(options: ConnectionSetOptions) {
    this.#options = options;
    this.#watchIdle();
  }

  get count(): number {
    return this.#connections.size;
  }

  /** Serves whatever carries bytes: a socket, or a client in the same process. */
  accept(transport: Transport): void {
    const { dispatcher, budget, memory, limits, clock, logger } = this.#options;
    if (this.#isFinishing || this.#connections.size >= limits.maxConnections) {
      transport.destroy();
      return;
    }
    const connection = new Connection({
      transport,
      serve: (frame, exchange) => dispatcher.serve(frame, exchange),
      limits,
      budget,
      memory,
      clock,
      logger,
      onClosed: (closed) => this.#onClosed(closed),
    });
    this.#connections.add(connection);
  }

  /** Answers what is in progress, then closes all; cuts off what is left after the drain timeout. */
  async finish(): Promise<void> {
    this.#isFinishing = true;
    this.#idleTimer?.cancel();
    for (const connection of [...this.#connections]) connection.finish();
    if (this.#connections.size === 0) return;
    await new Promise<void>((resolve) => {
      const timer = this.#options.clock.timer(this.#options.limits.drainTimeoutMs, () => this.#destroyAll());
      this.#whenEmpty = () => {
        timer.cancel();
        resolve();
      };
    });
  }

  #destroyAll(): void {
    for (const connection of [...this.#connections]) connection.destroy();
  }

  #onClosed(connection: Connection): void {
    this.#connections.delete(connection);
    if (this.#connections.size === 0) this.#whenEmpty?.();
  }

  #watchIdle(): void {
    const { clock, limits } = this.#options;
    this.#idleTimer = clock.timer(limits.idleTimeoutMs / 4, () => {
      const idleSinceMs = clock.monotonicMs() - limits.idleTimeoutMs;
      for (const connection of [...this.#connections]) if (connection.lastActiveMs < idleSinceMs) connection.destroy();
      this.#watchIdle();
    });
  }
}
