/** The error codes of values: what a row says that the chosen representation cannot. */

import { defineErrors } from '../../../core/base/errors.ts';

export const valueErrors = defineErrors('postgres-values', {
  unrepresentable: {
    meaning:
      'A value of a row has no place in the representation chosen for its column: NaN in an exact decimal, a time out of range, an array of several dimensions, or text that its type never prints.',
    fix: 'Choose another handling mode for its type, or set event.converting.failure.handling.mode to warn, which writes null instead.',
    retriable: false,
  },
  'bad-setting': {
    meaning: 'A setting about columns, keys, topics or the outbox cannot be understood.',
    fix: 'Correct the setting that the message names.',
    retriable: false,
  },
  outbox: {
    meaning:
      'A row of the outbox table cannot be routed: it lacks a column, or a value that a route needs, or was updated.',
    fix: 'Name the columns of the outbox table in table.field.event.… and route.by.field, keep them filled, and only insert into it and delete from it.',
    retriable: false,
  },
});

/** Thrown by writers, which know the value but not its column; caught where the column is known. */
export class Unrepresentable extends Error {
  constructor(reason: string) {
    super(reason);
    this.name = 'Unrepresentable';
  }
}

/** Stops the writing of one value. Fuller places catch it: the table's encoder by policy, a reader of defaults by leaving it out. */
export function refuse(reason: string): never {
  throw new Unrepresentable(reason);
}
