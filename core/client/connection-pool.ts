/** The connections of one client: one for each broker and purpose, opened when needed and reopened with growing delays. */

import type { Clock } from '../base/clock.ts';
import { describeError } from '../base/errors.ts';
import type { Logger } from '../base/logger.ts';
import { backoffMs, reconnectBackoff } from './backoff.ts';
import { Connection, type ConnectionOptions } from './connection.ts';
import { clientErrors } from './error-codes.ts';
import { type Address, formatAddress } from './transport.ts';

/**
 * Answers come in order, so a long poll or a slow append on a shared connection would hold up the rest: each producer
 * and each fetcher is a purpose of its own, and `control` serves the short questions.
 */
export type Purpose = 'control' | `${'produce' | 'fetch'}#${number}`;

interface Slot {
  readonly purpose: Purpose;
  isReleased: boolean;
  connection: Connection | undefined;
  opening: Promise<Connection> | undefined;
  /** Attempts that failed since the last success. */
  failures: number;
  /** No attempt before this time on the monotonic clock. */
  notBeforeMs: number;
}

export type ConnectionSettings = Omit<ConnectionOptions, 'address' | 'signal'>;

export class ConnectionPool {
  readonly #settings: ConnectionSettings;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #slots = new Map<string, Slot>();
  readonly #closing = new AbortController();

  constructor(settings: ConnectionSettings, logger: Logger) {
    this.#settings = settings;
    this.#clock = settings.clock;
    this.#logger = logger;
  }

  /** The open connection, or one opened now: after failures not before a delay has passed. Rejects as `Connection.open` does. */
  get(address: Address, purpose: Purpose): Promise<Connection> {
    if (this.#closing.signal.aborted) return Promise.reject(this.#closing.signal.reason);
    const slot = this.#slot(address, purpose);
    if (slot.connection !== undefined && !slot.connection.isClosed) return Promise.resolve(slot.connection);
    slot.opening ??= this.#open(address, slot).finally(() => {
      slot.opening = undefined;
    });
    return slot.opening;
  }

  close(): void {
    this.#closing.abort(clientErrors.error('closed', { message: 'The client was closed' }));
    for (const { connection } of this.#slots.values()) connection?.close();
    this.#slots.clear();
  }

  /** Closes the connections of a purpose that will not be used again. */
  release(purpose: Purpose): void {
    for (const [key, slot] of this.#slots) {
      if (slot.purpose !== purpose) continue;
      slot.isReleased = true;
      slot.connection?.close();
      this.#slots.delete(key);
    }
  }

  #slot(address: Address, purpose: Purpose): Slot {
    const key = `${formatAddress(address)} ${purpose}`;
    let slot = this.#slots.get(key);
    if (slot === undefined) {
      const fresh = { connection: undefined, opening: undefined, failures: 0, notBeforeMs: 0 };
      slot = { ...fresh, purpose, isReleased: false };
      this.#slots.set(key, slot);
    }
    return slot;
  }

  async #open(address: Address, slot: Slot): Promise<Connection> {
    const { signal } = this.#closing;
    const waitMs = slot.notBeforeMs - this.#clock.monotonicMs();
    if (waitMs > 0) await this.#clock.sleep(waitMs, signal);
    try {
      const connection = await Connection.open({ ...this.#settings, address, signal });
      if (signal.aborted || slot.isReleased) {
        connection.close();
        throw clientErrors.error('closed', { message: 'Nobody needs the connection any more' });
      }
      slot.connection = connection;
      slot.failures = 0;
      // A broker that takes connections and drops them at once is not asked in a tight loop either.
      slot.notBeforeMs = this.#clock.monotonicMs() + reconnectBackoff.baseMs;
      return connection;
    } catch (error) {
      slot.failures++;
      const delayMs = backoffMs(reconnectBackoff, slot.failures, Math.random());
      slot.notBeforeMs = this.#clock.monotonicMs() + delayMs;
      const fields = { broker: formatAddress(address), failures: slot.failures, delayMs: Math.round(delayMs) };
      if (!signal.aborted)
        this.#logger.debug({ ...fields, error: describeError(error) }, 'no connection to the broker');
      throw error;
    }
  }
}
