/** Fetch (1): record batches as they lie in the log; waits until enough is there, the time is over, or something changes. */

import type { PartitionLog } from '../../log/partition-log.ts';
import type { RequestOf, ResponseInput } from '../../protocol/api.ts';
import { fetchApi } from '../../protocol/apis/fetch.ts';
import { kafkaErrors } from '../../protocol/kafka-errors.ts';
import { type ApiHandler, type Call, defineHandler, type Services } from '../api-handler.ts';
import { BorrowedMemory } from '../borrowed-memory.ts';
import {
  arrivedBytes,
  describePartition,
  dropRecords,
  type FetchPlan,
  hasMoved,
  isReleased,
  type PassResult,
  planFetch,
  readPass,
} from '../fetch-plan.ts';

type Request = RequestOf<typeof fetchApi>;
type Response = ResponseInput<typeof fetchApi>;

/** What one answer may always hold, however many other clients have answers waiting for them. */
const minShareBytes = 65_536;

export function fetchHandler(services: Services): ApiHandler {
  return defineHandler(fetchApi, {
    leavesOut: 'fetch sessions (every request is a full one, session id 0), rack awareness, versions with topic ids',
    handle: (request, call) => fetch(services, request, call),
  });
}

async function fetch(services: Services, request: Request, call: Call): Promise<Response> {
  // Sessions are never granted, so a client that continues one talks of somebody else's.
  if (request.sessionId !== 0) return { errorCode: kafkaErrors.FETCH_SESSION_ID_NOT_FOUND, responses: [] };
  const { client } = call;
  const memory = new BorrowedMemory(services.memory);
  const plan = planFetch(request, { catalogue: services.catalogue, startAt: client.fetchStart, memory });
  const { totalBytes, cutAt } = await readEnough(services, plan, { request, call });
  client.fetchStart = cutAt;
  call.afterSent(() => {
    services.fetchBudget.give(totalBytes);
    memory.giveBack();
  });
  const { isCommittedOnly } = plan;
  return {
    responses: plan.topics.map(({ topic, partitions }) => ({
      topic,
      partitions: partitions.map((partition) => describePartition(partition, isCommittedOnly)),
    })),
  };
}

async function readEnough(
  services: Services,
  plan: FetchPlan,
  { request, call }: { request: Request; call: Call },
): Promise<PassResult> {
  const waitMs = Math.min(Math.max(request.maxWaitMs, 0), services.settings.maxFetchWaitMs);
  const deadlineMs = services.clock.monotonicMs() + waitMs;
  const isLive = (log: PartitionLog) => services.catalogue.partition(log.topic, log.partition) === log;
  const wait = new FetchWait(services, plan, deadlineMs, call);
  for (;;) {
    // Taken before the read: what others read at the same time must not be promised the same room.
    const shareBytes = services.fetchBudget.share(Math.max(request.maxBytes, 0), minShareBytes);
    services.fetchBudget.take(shareBytes);
    const result = await readPass(plan, shareBytes, isLive);
    const isEnough = result.totalBytes >= request.minBytes || result.hasError || result.cutAt !== undefined;
    const isLast = isEnough || wait.isOver();
    services.fetchBudget.give(shareBytes - (isLast ? result.totalBytes : 0));
    if (isLast) return result;
    dropRecords(plan);
    // Between the last look at a partition and this line nothing else may run, or its advance would be missed.
    if (hasMoved(plan)) continue;
    await wait.forBytes(request.minBytes - result.totalBytes);
  }
}

/** Waiting for a plan's partitions, bounded by the deadline, the connection and the life of the broker. */
class FetchWait {
  readonly #services: Services;
  readonly #plan: FetchPlan;
  readonly #deadlineMs: number;
  readonly #call: Call;

  constructor(services: Services, plan: FetchPlan, deadlineMs: number, call: Call) {
    this.#services = services;
    this.#plan = plan;
    this.#deadlineMs = deadlineMs;
    this.#call = call;
  }

  isOver(): boolean {
    return (
      this.#call.client.isGone ||
      this.#services.fetchWaiters.isClosed ||
      this.#services.clock.monotonicMs() >= this.#deadlineMs
    );
  }

  /** Resolves when about that many bytes arrived; an early wake-up costs one more look at the log, never an answer. */
  async forBytes(missingBytes: number): Promise<void> {
    do await this.#once();
    while (!this.isOver() && !this.#hasGone() && !isReleased(this.#plan) && arrivedBytes(this.#plan) < missingBytes);
  }

  #hasGone(): boolean {
    const { catalogue } = this.#services;
    return this.#plan.order.some(({ log }) => {
      if (log === undefined) return false;
      return log.failure !== undefined || catalogue.partition(log.topic, log.partition) !== log;
    });
  }

  #once(): Promise<void> {
    return new Promise((resolve) => {
      const partitions = this.#plan.order.flatMap(({ log }) => (log === undefined ? [] : [log]));
      const stopListening = this.#call.client.onGone(() => {
        stopWaiting();
        resolve();
      });
      const wake = () => {
        stopListening();
        resolve();
      };
      const stopWaiting = this.#services.fetchWaiters.add({ deadlineMs: this.#deadlineMs, partitions, wake });
    });
  }
}
