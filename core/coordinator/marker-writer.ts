/** Writes the markers of a transaction into its partitions, again and again until each one has its own. */

import type { Clock } from '../base/clock.ts';
import type { Logger } from '../base/logger.ts';
import type { TransactionMarker } from '../protocol/control-batch.ts';
import { kafkaErrorName, kafkaErrors } from '../protocol/kafka-errors.ts';

export interface MarkerPlace {
  readonly topic: string;
  readonly partition: number;
}

export interface MarkerPorts {
  readonly clock: Clock;
  readonly logger: Logger;
  /** Whether the producer's transaction is open there; false for a partition that is gone. */
  readonly isOpen: (place: MarkerPlace, producerId: number) => boolean;
  /** Resolves to an error code once the marker is durable; never rejects. */
  readonly append: (place: MarkerPlace, marker: TransactionMarker) => Promise<number>;
}

const firstDelayMs = 50;
const longestDelayMs = 5_000;

export class MarkerWriter {
  readonly #ports: MarkerPorts;
  readonly #stop = new AbortController();
  readonly #running = new Set<Promise<boolean>>();

  constructor(ports: MarkerPorts) {
    this.#ports = ports;
  }

  /**
   * Resolves to true when no partition has the transaction open any more, and to false when the writer was stopped before.
   * A partition where it is not open needs no marker: it has it already, it has nothing of the transaction, or it is gone.
   */
  write(places: readonly MarkerPlace[], marker: TransactionMarker): Promise<boolean> {
    const running = this.#write(places, marker);
    this.#running.add(running);
    void running.then(() => this.#running.delete(running));
    return running;
  }

  async close(): Promise<void> {
    this.#stop.abort();
    await Promise.all(this.#running);
  }

  async #write(places: readonly MarkerPlace[], marker: TransactionMarker): Promise<boolean> {
    const { clock, isOpen } = this.#ports;
    let left = places;
    for (let delayMs = firstDelayMs; ; delayMs = Math.min(delayMs * 2, longestDelayMs)) {
      left = left.filter((place) => isOpen(place, marker.producerId));
      // In one round: the syncs of all partitions run side by side.
      const codes = await Promise.all(left.map((place) => this.#ports.append(place, marker)));
      const refused = left.filter((_, index) => codes[index] !== kafkaErrors.NONE);
      if (refused.length === 0) return true;
      if (this.#stop.signal.aborted) return false;
      this.#tell(refused[0] as MarkerPlace, codes.find((code) => code !== kafkaErrors.NONE) as number);
      left = refused;
      try {
        await clock.sleep(delayMs, this.#stop.signal);
      } catch {
        return false;
      }
    }
  }

  #tell({ topic, partition }: MarkerPlace, errorCode: number): void {
    const fields = { partition: `${topic}-${partition}`, error: kafkaErrorName(errorCode) };
    this.#ports.logger.warn(
      fields,
      'a partition refused the end of a transaction; it is tried again until it takes it',
    );
  }
}
