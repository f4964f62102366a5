/** Keeps one fetch under way to each leader, and looks up leaders and start offsets as they are missing. */

import type { Timer } from '../base/clock.ts';
import { describeError, MillraceError } from '../base/errors.ts';
import type { ResponseOf } from '../protocol/api.ts';
import { fetchApi } from '../protocol/apis/fetch.ts';
import { kafkaErrorName, kafkaErrors } from '../protocol/kafka-errors.ts';
import { backoffMs, retryBackoff } from './backoff.ts';
import type { Cluster } from './cluster.ts';
import type { Connection } from './connection.ts';
import type { Purpose } from './connection-pool.ts';
import { clientErrors } from './error-codes.ts';
import { type AnswerEffect, takeAnswer } from './fetch-answer.ts';
import { earliestOffset, type Isolation, isolationLevels, latestOffset, listOffsets } from './list-offsets.ts';
import type { PartitionFetch } from './partition-fetch.ts';
import { SharedAnswer } from './shared-answer.ts';

type FetchAnswer = ResponseOf<typeof fetchApi>;

export interface FetchSettings {
  readonly maxWaitMs: number;
  readonly minBytes: number;
  readonly maxBytes: number;
  readonly partitionMaxBytes: number;
  readonly isolation: Isolation;
  readonly checkCrcs: boolean;
  readonly onOutOfRange: 'earliest' | 'latest' | 'fail';
}

export interface FetchDispatcherOptions extends FetchSettings {
  readonly cluster: Cluster;
  readonly closing: AbortSignal;
  /** By name, in the order in which they are asked for; the owner moves one that had data to the end. */
  readonly partitions: ReadonlyMap<string, PartitionFetch>;
  /** Data or a failure may be there to be taken. */
  readonly onReady: () => void;
}

interface Asked {
  readonly state: PartitionFetch;
  readonly generation: number;
  readonly fetchOffset: number;
}

export class FetchDispatcher {
  readonly #options: FetchDispatcherOptions;
  readonly #cluster: Cluster;
  /** Node ids with a fetch under way. */
  readonly #asking = new Set<number>();
  readonly #purpose: Purpose;
  #isRefreshing = false;
  #isPumpScheduled = false;
  #timer: Timer | undefined;

  constructor(options: FetchDispatcherOptions) {
    this.#options = options;
    this.#cluster = options.cluster;
    this.#purpose = options.cluster.newPurpose('fetch');
  }

  /** Once per turn of the event loop, however much changed in it. */
  schedulePump(): void {
    if (this.#isPumpScheduled) return;
    this.#isPumpScheduled = true;
    queueMicrotask(() => {
      this.#isPumpScheduled = false;
      if (!this.#options.closing.aborted) this.#pump();
    });
  }

  stop(): void {
    this.#timer?.cancel();
    this.#cluster.release(this.#purpose);
  }

  #pump(): void {
    const nowMs = this.#cluster.clock.monotonicMs();
    const byLeader = new Map<number, PartitionFetch[]>();
    const leadersWithData = new Set<number>();
    const leaderless = new Set<string>();
    let wakeMs = Number.POSITIVE_INFINITY;
    for (const state of this.#options.partitions.values()) {
      const leaderId = this.#cluster.leader(state.topic, state.partition)?.leaderId;
      if (state.held !== undefined && !state.isPaused && leaderId !== undefined) leadersWithData.add(leaderId);
      if (state.notBeforeMs > nowMs) wakeMs = Math.min(wakeMs, state.notBeforeMs);
      if (!state.isFetchable(nowMs)) continue;
      if (typeof state.fetchOffset !== 'number') void this.#lookUp(state, state.fetchOffset);
      else if (leaderId === undefined) leaderless.add(state.topic);
      else byLeader.set(leaderId, [...(byLeader.get(leaderId) ?? []), state]);
    }
    if (leaderless.size > 0) void this.#refresh([...leaderless]);
    for (const [nodeId, states] of byLeader) {
      // One answer is held while the one before it is worked on; no more than that.
      if (!this.#asking.has(nodeId) && !leadersWithData.has(nodeId)) void this.#ask(nodeId, states);
    }
    this.#timer?.cancel();
    if (wakeMs === Number.POSITIVE_INFINITY) return;
    this.#timer = this.#cluster.clock.timer(Math.max(wakeMs - nowMs, 1), () => this.schedulePump());
  }

  async #ask(nodeId: number, states: readonly PartitionFetch[]): Promise<void> {
    const { closing, maxWaitMs, onReady } = this.#options;
    const asked = new Map<string, Asked>();
    for (const state of states) {
      asked.set(state.where, { state, generation: state.generation, fetchOffset: Number(state.fetchOffset) });
      state.isBusy = true;
    }
    this.#asking.add(nodeId);
    try {
      const connection = await this.#cluster.connection(nodeId, this.#purpose);
      const timeoutMs = maxWaitMs + this.#cluster.limits.requestTimeoutMs;
      const answer = await connection.request(fetchApi, this.#request(asked.values()), { timeoutMs, signal: closing });
      if (answer.errorCode !== kafkaErrors.NONE) throw wholeRefused(answer.errorCode, connection.where);
      this.#take(answer, asked, connection);
    } catch (error) {
      if (!closing.aborted) for (const { state } of asked.values()) this.#failed(state, error);
    }
    for (const { state } of asked.values()) state.isBusy = false;
    this.#asking.delete(nodeId);
    onReady();
    this.schedulePump();
  }

  #take({ responses }: FetchAnswer, asked: ReadonlyMap<string, Asked>, connection: Connection): void {
    const { maxFrameBytes } = this.#cluster.limits;
    const isReadCommitted = this.#options.isolation === 'read_committed';
    const answers = responses.flatMap(({ topic, partitions }) => partitions.map((one) => ({ topic, one })));
    const bytes = answers.find(({ one }) => one.records !== null)?.one.records;
    const shared = new SharedAnswer(() => (bytes == null ? undefined : connection.giveBack(bytes)));
    const releaseOwn = shared.share();
    for (const { topic, one } of answers) {
      const question = asked.get(`${topic}-${one.partitionIndex}`);
      if (question === undefined || question.state.generation !== question.generation) continue;
      const release = shared.share();
      const context = { ...question, ...this.#options, isReadCommitted, maxFrameBytes, release };
      this.#apply(question, takeAnswer(question.state, one, context));
      if (question.state.held?.release !== release) release();
    }
    releaseOwn();
  }

  #request(asked: Iterable<Asked>) {
    const { maxWaitMs, minBytes, maxBytes, isolation } = this.#options;
    const topics = new Map<
      string,
      { partition: number; currentLeaderEpoch: number; fetchOffset: number; partitionMaxBytes: number }[]
    >();
    for (const { state, fetchOffset } of asked) {
      const { topic, partition, maxBytes: partitionMaxBytes } = state;
      const currentLeaderEpoch = this.#cluster.leader(topic, partition)?.leaderEpoch ?? -1;
      const list = topics.get(topic) ?? [];
      list.push({ partition, currentLeaderEpoch, fetchOffset, partitionMaxBytes });
      topics.set(topic, list);
    }
    return {
      maxWaitMs,
      minBytes,
      maxBytes,
      isolationLevel: isolationLevels[isolation],
      topics: [...topics].map(([topic, partitions]) => ({ topic, partitions })),
      forgottenTopicsData: [],
    };
  }

  #apply({ state, fetchOffset }: Asked, effect: AnswerEffect): void {
    if (effect.kind === 'retry') {
      if (effect.isLeaderStale) this.#cluster.markStale(state.topic);
      this.#backOff(state, effect.problem);
    }
    if (effect.kind !== 'out-of-range') return;
    const { onOutOfRange } = this.#options;
    const message = `Offset ${fetchOffset} is not in the partition`;
    if (onOutOfRange === 'fail') {
      state.failure = clientErrors.error('offset-out-of-range', { message, where: state.where });
      return;
    }
    this.#cluster.logger.warn(
      { topic: state.topic, partition: state.partition, offset: fetchOffset, onOutOfRange },
      message,
    );
    state.jump(onOutOfRange);
  }

  /** Replaces 'earliest' or 'latest' by the offset it stands for now. */
  async #lookUp(state: PartitionFetch, end: 'earliest' | 'latest'): Promise<void> {
    const { topic, partition, generation } = state;
    const { isolation, closing, onReady } = this.#options;
    state.isBusy = true;
    try {
      const timestampMs = end === 'earliest' ? earliestOffset : latestOffset;
      const [found] = await listOffsets(this.#cluster, [{ topic, partition, timestampMs }], {
        isolation,
        signal: closing,
      });
      if (state.generation === generation) state.jump(found!.offset);
    } catch (error) {
      if (!closing.aborted && state.generation === generation) this.#failed(state, error);
    }
    state.isBusy = false;
    onReady();
    this.schedulePump();
  }

  async #refresh(topics: readonly string[]): Promise<void> {
    if (this.#isRefreshing) return;
    this.#isRefreshing = true;
    const { closing, partitions, onReady } = this.#options;
    let problem: unknown;
    await this.#cluster.refresh(topics, closing).catch((error: unknown) => {
      problem = error;
    });
    this.#isRefreshing = false;
    if (closing.aborted) return;
    for (const state of partitions.values()) {
      if (!topics.includes(state.topic) || this.#cluster.leader(state.topic, state.partition) !== undefined) continue;
      this.#cluster.markStale(state.topic);
      this.#failed(state, problem ?? this.#cluster.topicError(state.topic));
    }
    onReady();
    this.schedulePump();
  }

  #failed(state: PartitionFetch, error: unknown): void {
    this.#cluster.markStale(state.topic);
    const known =
      error instanceof MillraceError ? error : clientErrors.error('refused', { message: describeError(error) });
    const isMissingTooLong =
      clientErrors.is(known, 'unknown-topic') && this.#failingForMs(state) > this.#cluster.limits.giveUpAfterMs;
    if (!known.retriable || isMissingTooLong) state.failure = known;
    else this.#backOff(state, describeError(known));
  }

  #failingForMs(state: PartitionFetch): number {
    return state.failingSinceMs === undefined ? 0 : this.#cluster.clock.monotonicMs() - state.failingSinceMs;
  }

  #backOff(state: PartitionFetch, problem: string): void {
    const nowMs = this.#cluster.clock.monotonicMs();
    state.failures++;
    state.failingSinceMs ??= nowMs;
    const delayMs = backoffMs(retryBackoff, state.failures, Math.random());
    state.notBeforeMs = nowMs + delayMs;
    const fields = {
      topic: state.topic,
      partition: state.partition,
      failures: state.failures,
      delayMs: Math.round(delayMs),
      problem,
    };
    if (isWorthWarning(state.failures)) this.#cluster.logger.warn(fields, 'fetching is delayed');
    else this.#cluster.logger.debug(fields, 'fetching again');
  }
}

/** The 4th, 8th, 16th … failure in a row: an outage is told of, but does not fill the log. */
function isWorthWarning(failures: number): boolean {
  return failures >= 4 && (failures & (failures - 1)) === 0;
}

function wholeRefused(errorCode: number, where: string): MillraceError {
  return clientErrors.error('refused', {
    message: `The broker says ${kafkaErrorName(errorCode)}`,
    where,
    retriable: true,
  });
}
