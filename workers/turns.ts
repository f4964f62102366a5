/** One call at a time, in the order asked for. */

export class Turns {
  #last: Promise<unknown> = Promise.resolve();

  /** Runs `call` once every call asked for before has ended, however it ended. */
  take<T>(call: () => Promise<T>): Promise<T> {
    const turn = this.#last.then(call);
    this.#last = turn.catch(() => {});
    return turn;
  }

  /** Resolves when every call asked for so far has ended. */
  async idle(): Promise<void> {
    await this.#last;
  }
}
