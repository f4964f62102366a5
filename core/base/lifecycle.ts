/** What was opened in order is closed in reverse order, once; a start that fails half-way is rolled back. */

export type Closer = () => Promise<void> | void;

export class Lifecycle {
  #closers: Closer[] = [];
  #closing: Promise<void> | undefined;

  get isClosing(): boolean {
    return this.#closing !== undefined;
  }

  /** Remembers how to close something that is open now. */
  onClose(closer: Closer): void {
    this.#closers.push(closer);
  }

  /** Opens a part and remembers how to close it; when opening fails, everything opened before is closed and the error thrown. */
  async open<T>(opening: () => Promise<T> | T, close: (part: T) => Promise<void> | void): Promise<T> {
    try {
      const part = await opening();
      this.onClose(() => close(part));
      return part;
    } catch (error) {
      await this.close();
      throw error;
    }
  }

  /** Closes everything in reverse order. Every closer is called even if one throws; the first error is thrown at the end. */
  close(): Promise<void> {
    this.#closing ??= this.#closeAll();
    return this.#closing;
  }

  async #closeAll(): Promise<void> {
    let failed = false;
    let firstError: unknown;
    for (const closer of this.#closers.toReversed()) {
      try {
        await closer();
      } catch (error) {
        if (!failed) firstError = error;
        failed = true;
      }
    }
    this.#closers = [];
    if (failed) throw firstError;
  }
}
