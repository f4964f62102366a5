/** Watches what the slot keeps the server from removing, and warns before the server gives it up. */

import type { Clock } from '../../../core/base/clock.ts';
import { describeError } from '../../../core/base/errors.ts';
import type { Logger } from '../../../core/base/logger.ts';
import type { Gauges } from '../../contract/source.ts';
import type { CatalogPort } from '../catalog/port.ts';
import { readSlot } from './slot-state.ts';

export interface SlotWatchOptions {
  readonly sql: CatalogPort;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly gauges: Gauges;
  readonly slotName: string;
}

const intervalMs = 10_000;

export class SlotWatch {
  readonly #options: SlotWatchOptions;
  #nextMs = 0;
  #walStatus: string | undefined;

  constructor(options: SlotWatchOptions) {
    this.#options = options;
  }

  /** Asks the server when it is time, and waits for nothing. */
  look(): void {
    const { clock, logger } = this.#options;
    if (clock.monotonicMs() < this.#nextMs) return;
    this.#nextMs = clock.monotonicMs() + intervalMs;
    this.#ask().catch((error: unknown) => {
      logger.warn({ error: describeError(error) }, 'the state of the replication slot could not be read');
    });
  }

  async #ask(): Promise<void> {
    const { sql, gauges, logger, slotName } = this.#options;
    const slot = await readSlot(sql, slotName);
    if (slot === undefined) return;
    if (slot.retainedBytes !== undefined) gauges.set('slot_retained_bytes', Number(slot.retainedBytes));
    if (slot.safeWalBytes !== undefined) gauges.set('slot_safe_wal_bytes', Number(slot.safeWalBytes));
    if (slot.walStatus === 'unreserved' && this.#walStatus !== 'unreserved') {
      const fix = 'raise max_slot_wal_keep_size, or make what reads the topics faster';
      logger.warn(
        { slot: slotName, fix },
        'the server is about to remove the log that the slot needs: changes would be lost',
      );
    }
    this.#walStatus = slot.walStatus;
  }
}
