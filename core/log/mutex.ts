/** One at a time, in the order of the calls. */

export class Mutex {
  #tail: Promise<void> = Promise.resolve();
  #count = 0;

  /** True while somebody works or waits. */
  get isBusy(): boolean {
    return this.#count > 0;
  }

  run<T>(work: () => Promise<T>): Promise<T> {
    this.#count += 1;
    const result = this.#tail.then(work);
    const end = () => {
      this.#count -= 1;
    };
    this.#tail = result.then(end, end);
    return result;
  }
}
