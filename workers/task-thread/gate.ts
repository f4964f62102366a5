/** Pause and stop of a runner's loop: one place to ask whether to go on, one signal for what must not wait. */

export class Gate {
  #paused = false;
  #stopping = false;
  #active = new AbortController();
  #wake: (() => void) | undefined;

  get stopping(): boolean {
    return this.#stopping;
  }

  get paused(): boolean {
    return this.#paused;
  }

  /** Aborts as soon as the loop should not wait any longer for something to do: at pause and at stop. */
  get signal(): AbortSignal {
    return this.#active.signal;
  }

  pause(): void {
    if (this.#paused || this.#stopping) return;
    this.#paused = true;
    this.#active.abort();
  }

  resume(): void {
    if (!this.#paused || this.#stopping) return;
    this.#paused = false;
    this.#active = new AbortController();
    this.#wake?.();
  }

  stop(): void {
    this.#stopping = true;
    this.#active.abort();
    this.#wake?.();
  }

  /** Waits while paused. Answers false once the loop must end. */
  async open(): Promise<boolean> {
    while (this.#paused && !this.#stopping) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    return !this.#stopping;
  }
}
