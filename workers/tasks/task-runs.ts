/** Starts runs of tasks: what the thread must know, the thread itself, and for a sink its place in the consumer group. */

import type { Catalogue } from '../../config/index.ts';
import type { TopicPartition } from '../../connectors/contract/record.ts';
import type { SinkPosition } from '../../connectors/contract/sink.ts';
import type { Clock, Timer } from '../../core/base/clock.ts';
import { describeError } from '../../core/base/errors.ts';
import type { Logger } from '../../core/base/logger.ts';
import type { ProducerIdentity, TransactionalId } from '../../core/client/index.ts';
import type { Codec } from '../../core/protocol/compression.ts';
import { workerErrors } from '../error-codes.ts';
import { definitionOf } from '../herder/planner.ts';
import type { DesiredTask } from '../herder/reconcile.ts';
import type { OffsetStore } from '../stores/offset-store.ts';
import type { TaskSpec, TaskTransactions } from '../task-thread/messages.ts';
import { plainError } from '../task-thread/plain-error.ts';
import { type ErrorSettings, errorPolicyOf } from '../tolerance.ts';
import type { Topics } from '../topics.ts';
import type { WorkerSettings } from '../worker-options.ts';
import { judgeFence } from './after-fence.ts';
import { type GroupEvents, type GroupMember, SinkMembership } from './sink-membership.ts';
import { TaskHost, type TaskHostOptions } from './task-host.ts';
import type { TaskRun } from './task-supervisor.ts';
import { type TransactionSettings, transactionPlan } from './task-transactions.ts';

export interface TaskRunsOptions {
  readonly settings: WorkerSettings;
  readonly bootstrapServers: readonly string[];
  readonly acceptThread: TaskHostOptions['acceptThread'];
  readonly catalogue: Catalogue;
  readonly offsets: OffsetStore;
  readonly topics: Topics;
  readonly join: (
    groupId: string,
    clientId: string,
    topics: readonly string[],
    events: GroupEvents,
  ) => Promise<GroupMember>;
  /** Shuts out whoever has the transactional id, and ends what that one left open. */
  readonly fence: (id: TransactionalId) => Promise<ProducerIdentity>;
  /** Another worker says that it runs the task. */
  readonly runsElsewhere: (task: DesiredTask) => Promise<boolean>;
  readonly onNumbers: (task: DesiredTask, totals: Numbers, values: Numbers) => void;
  /** Counts what the task's thread does not see. */
  readonly onCount: (task: DesiredTask, name: string, delta: number) => void;
  readonly onActiveTopic: (task: DesiredTask, topic: string) => void;
  readonly clock: Clock;
  readonly logger: Logger;
}

export type Numbers = Readonly<Record<string, number>>;

/** How often a sink that reads by pattern looks for new topics. */
const topicsEveryMs = 30_000;

/** A run with what a bounded run of the whole worker needs of it. */
export interface SteeredRun extends TaskRun {
  readonly kind: 'source' | 'sink';
  /** What a sink reads. */
  readonly topics: readonly string[];
  assignment(): readonly TopicPartition[];
  committed(): readonly SinkPosition[];
  /** Resolves when everything below `ends` in the partitions of this task was written and its commit sent. */
  drainTo(ends: readonly SinkPosition[]): Promise<void>;
}

interface TypedSettings extends ErrorSettings, TransactionSettings {
  readonly topic?: string;
  readonly 'producer.override.compression.type'?: Codec;
  readonly 'consumer.override.auto.offset.reset'?: 'earliest' | 'latest';
  readonly topics?: readonly string[];
  readonly 'topics.regex'?: RegExp;
}

export class TaskRuns {
  readonly #options: TaskRunsOptions;
  #stopMs: number;

  constructor(options: TaskRunsOptions) {
    this.#options = options;
    this.#stopMs = options.settings.taskStopMs;
  }

  /** From now on a stop may take at most this long. */
  stopWithin(deadlineMs: number): void {
    this.#stopMs = Math.min(this.#stopMs, deadlineMs);
  }

  async start(task: DesiredTask, onRunning: () => void): Promise<SteeredRun> {
    const { catalogue } = this.#options;
    const definition = definitionOf(catalogue, task.connectorSettings);
    const typed = definition.require(task.connectorSettings) as TypedSettings;
    const spec = await this.#spec(task, definition.kind, definition.name, typed);
    return definition.kind === 'source'
      ? this.#startSource(task, spec, onRunning)
      : this.#startSink(task, spec, typed, onRunning);
  }

  #startSource(task: DesiredTask, spec: TaskSpec, onRunning: () => void): SteeredRun {
    const { runsElsewhere } = this.#options;
    const host = this.#host(task, spec, { onRunning, onCommit: () => {} });
    return {
      kind: 'source',
      topics: [],
      ended: host.ended.then((end) => judgeFence(end, () => runsElsewhere(task))),
      setPaused: (paused) => (paused ? host.pause() : host.resume()),
      stop: () => host.stop(this.#stopMs),
      assignment: () => [],
      committed: () => [],
      drainTo: () => Promise.resolve(),
    };
  }

  async #startSink(
    task: DesiredTask,
    spec: TaskSpec,
    typed: TypedSettings,
    onRunning: () => void,
  ): Promise<SteeredRun> {
    const { settings, clock, logger, join, topics, onActiveTopic, onCount } = this.#options;
    const names = await topics.matching(typed.topics, typed['topics.regex']);
    if (names.length === 0) {
      const message = `no topic matches ${typed['topics.regex']?.source ?? ''} yet`;
      throw workerErrors.error('topic-unavailable', { message, where: task.connector });
    }
    for (const topic of names) {
      await topics.ensure(topic, 'records');
      onActiveTopic(task, topic);
    }
    const clientId = `connector-consumer-${task.connector}-${task.index}`;
    const host: TaskHost = this.#host(task, spec, { onRunning, onCommit: (positions) => membership.commit(positions) });
    const membership = new SinkMembership({
      join: (events) => join(groupIdOf(task.connector), clientId, names, events),
      user: host,
      clock,
      logger: logger.child({ connector: task.connector, task: task.index }),
      lastCommitMs: settings.taskStopMs,
      onFailed: (error) => host.fail(plainError(error)),
      onFenced: () => onCount(task, 'fenced_writes_total', 1),
    });
    membership.join().catch((error) => host.fail(plainError(error)));
    const isStale = async () => String(await topics.matching(typed.topics, typed['topics.regex'])) !== String(names);
    const watch = typed['topics.regex'] === undefined ? undefined : this.#watchTopics(isStale, host);
    const ended = host.ended.then(async (end) => {
      watch?.cancel();
      await membership.leave().catch(() => {});
      return end;
    });
    return {
      kind: 'sink',
      topics: names,
      ended,
      setPaused: (paused) => (paused ? host.pause() : host.resume()),
      stop: async () => {
        await host.stop(this.#stopMs);
        return await ended;
      },
      assignment: () => membership.assignment,
      committed: () => membership.committed,
      drainTo: async (ends) => {
        await host.drainTo(ends);
        await membership.flush();
      },
    };
  }

  /** A new topic that the pattern matches is read after a fresh start of the task. */
  #watchTopics(isStale: () => Promise<boolean>, host: TaskHost): Timer {
    const { clock, logger } = this.#options;
    let timer = clock.timer(topicsEveryMs, tick);
    const again = () => {
      timer = clock.timer(topicsEveryMs, tick);
    };
    const stop = () => void host.stop(this.#stopMs);
    function tick(): void {
      isStale().then(
        (stale) => (stale ? stop() : again()),
        (error) => {
          logger.warn({ reason: describeError(error) }, 'could not look for new topics');
          again();
        },
      );
    }
    return { cancel: () => timer.cancel() };
  }

  #host(
    task: DesiredTask,
    spec: TaskSpec,
    on: { onRunning: () => void; onCommit: (positions: readonly SinkPosition[]) => void },
  ): TaskHost {
    const { settings, acceptThread, clock, logger, topics, onNumbers, onActiveTopic } = this.#options;
    return new TaskHost({
      ...on,
      spec,
      acceptThread,
      threadLimits: settings.threadLimits,
      clock,
      logger,
      onGauges: (totals, values) => onNumbers(task, totals, values),
      onActiveTopic: (topic) => onActiveTopic(task, topic),
      ensureTopic: (topic, purpose) => topics.ensure(topic, purpose),
    });
  }

  async #fence(task: DesiredTask, typed: TypedSettings): Promise<TaskTransactions | undefined> {
    const { settings, fence } = this.#options;
    const plan = transactionPlan(settings, task, typed);
    return plan === undefined ? undefined : { ...plan, identity: await fence(plan) };
  }

  async #spec(
    task: DesiredTask,
    kind: 'source' | 'sink',
    connectorName: string,
    typed: TypedSettings,
  ): Promise<TaskSpec> {
    const { settings, bootstrapServers, offsets } = this.#options;
    // Fenced before the offsets are read: what an earlier run still writes after this reading is refused.
    const transactions = kind === 'source' ? await this.#fence(task, typed) : undefined;
    return {
      connector: task.connector,
      taskIndex: task.index,
      kind,
      connectorName,
      connectorsModule: settings.connectorsModule,
      settings: task.settings,
      bootstrapServers,
      groupId: settings.groupId,
      isExactlyOnce: settings.exactlyOnce,
      once: settings.once,
      transactions,
      storedPositions: kind === 'source' ? await offsets.read(task.connector) : [],
      offsetsTopic: settings.topics.offsets,
      offsetsPartitionCount: offsets.partitionCount,
      topic: typed.topic,
      compression: typed['producer.override.compression.type'] ?? 'none',
      startAt: typed['consumer.override.auto.offset.reset'] ?? 'earliest',
      errors: errorPolicyOf(typed),
      limits: settings.limits,
    };
  }
}

/** Kafka Connect's name for a sink's consumer group. */
export function groupIdOf(connector: string): string {
  return `connect-${connector}`;
}
