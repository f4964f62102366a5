/** What a checker run writes down: every operation of every process, when it began and ended, and what came of it. */

/** `ok`: it happened. `fail`: it did not, for certain. `info`: nobody knows. */
export type Outcome = 'ok' | 'fail' | 'info';

/** Every value is sent once in a run; whoever tries again sends another value. Partitions are named `topic-0`. */
export interface Send {
  readonly partition: string;
  readonly value: string;
  /** Where the broker said it is. */
  offset?: number;
  /** The value this one was made of, when it was read from another topic. */
  readonly from?: string;
}

export interface SeenRecord {
  readonly offset: number;
  readonly value: string;
}

/** Records one process got of one partition by reading committed from `fromOffset` up to, not including, `toOffset`. */
export interface Poll {
  readonly partition: string;
  readonly fromOffset: number;
  readonly toOffset: number;
  readonly records: readonly SeenRecord[];
}

/**
 * `read-all`: asks where the partitions end and reads up to there, so that all that was acknowledged before must be there.
 * `assign`: the process may read anywhere from now on. `init`: the process takes a transactional id over.
 */
export type OperationKind = 'send' | 'transaction' | 'poll' | 'read-all' | 'assign' | 'init';

export interface Operation {
  /** Does one thing after the other. One that failed goes on under another name. */
  readonly process: string;
  readonly kind: OperationKind;
  readonly transactionalId?: string | undefined;
  /** The places of begin and end in the order of everything that happened; infinite when the end was not confirmed. */
  readonly startedAt: number;
  endedAt: number;
  /** When the commit was asked for; a transaction without it cannot have been committed. */
  committingAt?: number;
  outcome: Outcome;
  readonly sends: Send[];
  readonly polls: Poll[];
}

export type History = readonly Operation[];

/** Numbers everything that happens in one process of the operating system. */
export class Recorder {
  readonly operations: Operation[] = [];
  #now = 0;

  begin(process: string, kind: OperationKind, transactionalId?: string): Operation {
    const startedAt = this.#tick();
    const operation: Operation = {
      ...{ process, kind, transactionalId, startedAt, endedAt: Number.POSITIVE_INFINITY, outcome: 'info' },
      ...{ sends: [], polls: [] },
    };
    this.operations.push(operation);
    return operation;
  }

  committing(operation: Operation): void {
    operation.committingAt = this.#tick();
  }

  end(operation: Operation, outcome: Outcome): void {
    operation.endedAt = this.#tick();
    operation.outcome = outcome;
  }

  /** What became of it is known, and nobody confirmed that it is over: a transaction whose abort was not answered. */
  abandon(operation: Operation, outcome: Outcome): void {
    operation.outcome = outcome;
  }

  #tick(): number {
    this.#now += 1;
    return this.#now;
  }
}
