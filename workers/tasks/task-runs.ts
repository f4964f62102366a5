/** Starts runs of tasks: what the thread must know, the thread itself, and for a sink its place in the consumer group. */

import type { Catalogue, ConnectorDefinition } from '../../config/index.ts';
import type { SinkPosition } from '../../connectors/contract/sink.ts';
import type { Clock } from '../../core/base/clock.ts';
import type { Logger } from '../../core/base/logger.ts';
import type { ProducerIdentity, TransactionalId } from '../../core/client/index.ts';
import type { Codec } from '../../core/protocol/compression.ts';
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
import type { SteeredRun } from './steered-run.ts';
import { TaskHost, type TaskHostOptions } from './task-host.ts';
import { type TransactionSettings, transactionPlan } from './task-transactions.ts';
import { TopicWatch } from './topic-watch.ts';
import { waitForTopics } from './waiting-run.ts';

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

interface TypedSettings extends ErrorSettings, TransactionSettings {
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
    const spec = await this.#spec(task, definition, typed);
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
      signalled: (signals) => host.signalled(signals),
      stop: () => host.stop(this.#stopMs),
      readsAll: () => Promise.resolve(true),
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
    const pattern = typed['topics.regex'];
    const { madeCount } = topics;
    const names = await topics.matching(typed.topics, pattern);
    if (pattern !== undefined && names.length === 0) {
      onRunning();
      return waitForTopics({ topics, madeCount, pattern, clock, logger });
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
    const onChanged = () => void host.stop(this.#stopMs);
    const watched = { topics, madeCount, names, onChanged, clock, logger };
    const watch = pattern === undefined ? undefined : new TopicWatch({ ...watched, pattern });
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
      readsAll: async () => (await watch?.isCurrent()) ?? true,
      assignment: () => membership.assignment,
      committed: () => membership.committed,
      drainTo: async (ends) => {
        await host.drainTo(ends);
        await membership.flush();
      },
    };
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

  async #spec(task: DesiredTask, definition: ConnectorDefinition, typed: TypedSettings): Promise<TaskSpec> {
    const { settings, bootstrapServers, offsets } = this.#options;
    const { kind } = definition;
    // Fenced before the offsets are read: what an earlier run still writes after this reading is refused.
    const transactions = kind === 'source' ? await this.#fence(task, typed) : undefined;
    return {
      connector: task.connector,
      taskIndex: task.index,
      kind,
      connectorName: definition.name,
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
      topics: kind === 'source' ? definition.topics(typed).names : [],
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
