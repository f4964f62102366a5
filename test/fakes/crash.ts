/** The ways in which the fake disk's machine can stop. */

/**
 * What a crash leaves. `process`: everything that was written, as after a kill. `power`: only what was synced, and of the
 * writes behind the last sync of each file the first `keptWrites(count)`, the next one cut after `keptBytes(length)`.
 */
export type Crash =
  | { readonly kind: 'process' }
  | {
      readonly kind: 'power';
      readonly keptWrites?: (count: number) => number;
      readonly keptBytes?: (length: number) => number;
      /** Of the names changed in a folder since it was synced, in order, how many changes survive. */
      readonly keptNames?: (count: number) => number;
    };
