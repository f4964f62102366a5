/** Lets only so many requests to the store run at once; the number shrinks while the store throttles. */

import { narrow, openWindow, type Window, widen } from './retry-rules.ts';

export class RequestWindow {
  #window: Window;
  #running = 0;
  #started = 0;
  readonly #waiting: (() => void)[] = [];

  constructor(most: number) {
    this.#window = openWindow(most);
  }

  /** How many requests may run at once now. */
  get size(): number {
    return Math.floor(this.#window.size);
  }

  /** Runs `request` when its turn comes, in the order of the calls; `isThrottle` tells which failures narrow the window. */
  async run<T>(request: () => Promise<T>, isThrottle: (error: unknown) => boolean): Promise<T> {
    while (this.#running >= this.size) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    this.#running++;
    const call = this.#started++;
    try {
      const result = await request();
      this.#window = widen(this.#window);
      return result;
    } catch (error) {
      if (isThrottle(error)) this.#window = narrow(this.#window, call, this.#started);
      throw error;
    } finally {
      this.#running--;
      this.#wake();
    }
  }

  #wake(): void {
    for (let room = this.size - this.#running; room > 0; room--) this.#waiting.shift()?.();
  }
}
