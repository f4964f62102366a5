/** The requests of one connection that wait for their answers, in the order in which the answers must come. Pure. */

import { clientErrors } from './error-codes.ts';

export interface InFlightRequest {
  readonly correlationId: number;
  readonly apiName: string;
  /** On the monotonic clock. */
  readonly deadlineMs: number;
}

export class InFlightRequests<R extends InFlightRequest> {
  #requests: R[] = [];

  get count(): number {
    return this.#requests.length;
  }

  add(request: R): void {
    this.#requests.push(request);
  }

  /** The request this answer belongs to: always the oldest. Throws `client/malformed` when it is not. */
  answered(correlationId: number, where: string): R {
    const oldest = this.#requests[0];
    if (oldest?.correlationId === correlationId) {
      this.#requests.shift();
      return oldest;
    }
    const expected = oldest === undefined ? 'nothing was asked' : `${oldest.correlationId} (${oldest.apiName}) is due`;
    throw clientErrors.error('malformed', {
      message: `An answer to request ${correlationId} came, but ${expected}`,
      where,
    });
  }

  /** The earliest deadline; Infinity when nothing is in flight. */
  nextDeadlineMs(): number {
    let earliest = Number.POSITIVE_INFINITY;
    for (const { deadlineMs } of this.#requests) if (deadlineMs < earliest) earliest = deadlineMs;
    return earliest;
  }

  overdue(nowMs: number): R | undefined {
    return this.#requests.find(({ deadlineMs }) => deadlineMs <= nowMs);
  }

  takeAll(): R[] {
    const all = this.#requests;
    this.#requests = [];
    return all;
  }
}
