/** Lets reads of a log overlap, and a change of its files run alone. */

export class Gate {
  #readers = 0;
  #exclusive: Promise<unknown> | undefined;
  #whenFree: (() => void) | undefined;

  /** Runs `read` beside other reads; waits while files are being changed. */
  async shared<T>(read: () => Promise<T>): Promise<T> {
    while (this.#exclusive !== undefined) await this.#exclusive;
    this.#readers += 1;
    try {
      return await read();
    } finally {
      this.#readers -= 1;
      if (this.#readers === 0) this.#whenFree?.();
    }
  }

  /** Runs `change` when the reads under way have ended; those that come later wait for it. */
  async exclusive<T>(change: () => Promise<T>): Promise<T> {
    while (this.#exclusive !== undefined) await this.#exclusive;
    const running = this.#alone(change);
    const settled = running.then(
      () => {},
      () => {},
    );
    this.#exclusive = settled;
    try {
      return await running;
    } finally {
      this.#exclusive = undefined;
    }
  }

  async #alone<T>(change: () => Promise<T>): Promise<T> {
    if (this.#readers > 0) {
      await new Promise<void>((resolve) => {
        this.#whenFree = resolve;
      });
      this.#whenFree = undefined;
    }
    return change();
  }
}
