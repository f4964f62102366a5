/** The numbers of one task: kept in its thread, sent to the main thread when they changed. */

import type { Gauges } from '../../connectors/contract/source.ts';

export class TaskGauges implements Gauges {
  readonly #totals: Record<string, number> = {};
  readonly #values: Record<string, number> = {};
  #changed = false;

  add(name: string, delta: number): void {
    this.#totals[name] = (this.#totals[name] ?? 0) + delta;
    this.#changed = true;
  }

  set(name: string, value: number): void {
    if (this.#values[name] === value) return;
    this.#values[name] = value;
    this.#changed = true;
  }

  /** The numbers if any changed since the last call. */
  takeChanged(): { totals: Record<string, number>; values: Record<string, number> } | undefined {
    if (!this.#changed) return undefined;
    this.#changed = false;
    return { totals: { ...this.#totals }, values: { ...this.#values } };
  }
}
