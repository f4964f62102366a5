/** A value that nothing prints by accident: logs, JSON, errors and debuggers see dots. */

import { inspect } from 'node:util';

/** What stands in every output in the place of a secret. */
export const blot = '••••';

export class Secret {
  readonly #value: string;

  constructor(value: string) {
    this.#value = value;
  }

  /** The value itself: for the one call that needs it, never to be kept elsewhere. */
  reveal(): string {
    return this.#value;
  }

  toString(): string {
    return blot;
  }

  toJSON(): string {
    return blot;
  }

  [inspect.custom](): string {
    return blot;
  }
}
