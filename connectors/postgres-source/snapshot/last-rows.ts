/**
 * Finds the last row of each table, and of all: the row at the end of a part is held back until it is known what comes behind
 * it. The others pass. Pure; `R` is what the caller knows of a row.
 */

/** `last`: of the snapshot; `lastOfTable`; or neither. */
export type RowPlace = 'within' | 'lastOfTable' | 'last';

interface PlacedRow<R> {
  readonly row: R;
  readonly place: RowPlace;
}

export class LastRows<R extends { readonly tableOid: number }> {
  /** One of each table at most. */
  readonly #held = new Map<number, R>();
  readonly #placed: PlacedRow<R>[] = [];
  /** All parts of the table are read. */
  readonly #isComplete: (tableOid: number) => boolean;

  constructor(isComplete: (tableOid: number) => boolean) {
    this.#isComplete = isComplete;
  }

  /** Nothing was added that `next` has not given. */
  get isEmpty(): boolean {
    return this.#held.size === 0 && this.#placed.length === 0;
  }

  get held(): Iterable<R> {
    return this.#held.values();
  }

  /** `next` has one. */
  get hasPlaced(): boolean {
    return this.#placed.length > 0;
  }

  /** A row whose place is known, in order. */
  next(): PlacedRow<R> | undefined {
    return this.#placed.shift();
  }

  /** The next row that was read. `isLastOfPart` holds it back; those whose place is known by that can go. */
  add(row: R, isLastOfPart: boolean): void {
    for (const [oid, held] of this.#held) {
      if (oid === row.tableOid) this.#release(held, 'within');
      else if (this.#isComplete(oid)) this.#release(held, 'lastOfTable');
    }
    if (isLastOfPart) this.#held.set(row.tableOid, row);
    else this.#placed.push({ row, place: 'within' });
  }

  /** Every table is complete: all that is held can go, and the last of it is the last of all. */
  end(): void {
    for (const row of [...this.#held.values()]) this.#release(row, this.#held.size === 1 ? 'last' : 'lastOfTable');
  }

  /** More rows of these tables will come: what is held of them can go. */
  giveUp(isMeant: (row: R) => boolean): void {
    for (const row of [...this.#held.values()].filter(isMeant)) this.#release(row, 'within');
  }

  #release(row: R, place: RowPlace): void {
    this.#held.delete(row.tableOid);
    this.#placed.push({ row, place });
  }
}
