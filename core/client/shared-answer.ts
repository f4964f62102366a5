/** Counts who still reads the bytes of one answer, and gives its memory back after the last. */

export class SharedAnswer {
  readonly #giveBack: () => void;
  #readers = 0;

  constructor(giveBack: () => void) {
    this.#giveBack = giveBack;
  }

  /** One more reader; what it gets says that it has read. Saying it twice counts once. */
  share(): () => void {
    this.#readers++;
    let isReading = true;
    return () => {
      if (!isReading) return;
      isReading = false;
      this.#readers--;
      if (this.#readers === 0) this.#giveBack();
    };
  }
}
