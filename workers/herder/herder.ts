/** Makes what runs equal to what the config topic asks for, and shows the difference while there is one. */

import type { Catalogue } from '../../config/index.ts';
import type { Clock } from '../../core/base/clock.ts';
import { describeError } from '../../core/base/errors.ts';
import type { Logger } from '../../core/base/logger.ts';
import type { Scheduler, TaskLease } from '../scheduler/scheduler.ts';
import type { RestartRequest, Settings } from '../stores/config-records.ts';
import type { ConfigStore } from '../stores/config-store.ts';
import type { RunState } from '../stores/status-records.ts';
import type { StatusStore } from '../stores/status-store.ts';
import { plainError } from '../task-thread/plain-error.ts';
import type { RestartPolicy } from '../tasks/restart-delay.ts';
import { type TaskRun, TaskSupervisor, type TaskView } from '../tasks/task-supervisor.ts';
import { version } from '../version.ts';
import { Commands } from './commands.ts';
import { ConnectorPlans } from './connector-plans.ts';
import { Departures } from './departures.ts';
import { createPlanner, type PlannerOptions } from './planner.ts';
import { type DesiredTask, desiredOf, type TaskId, targetOf, taskName } from './reconcile.ts';
import { type ConnectorInfo, type ConnectorStatus, connectorInfo, connectorStatus } from './views.ts';

export interface HerderOptions extends PlannerOptions {
  readonly config: ConfigStore;
  readonly statuses: StatusStore;
  readonly scheduler: Scheduler;
  /** Starts one run of a task here. */
  readonly startRun: (task: DesiredTask, epoch: number, onRunning: () => void) => Promise<TaskRun>;
  /** Hands signals of a topic to the task until `ended` aborts. */
  readonly followSignals: (task: DesiredTask, ended: AbortSignal) => Promise<void>;
  readonly restartPolicy: RestartPolicy;
  readonly planTimeoutMs: number;
  /** `host:port` under which this worker is known. */
  readonly workerId: () => string;
  readonly clock: Clock;
  readonly logger: Logger;
}

export class Herder {
  readonly commands: Commands;
  readonly #options: HerderOptions;
  readonly #plans: ConnectorPlans;
  readonly #departures: Departures;
  readonly #supervisors = new Map<string, { readonly task: DesiredTask; readonly supervisor: TaskSupervisor }>();
  readonly #planFailures = new Map<string, { readonly settings: Settings; readonly trace: string }>();
  readonly #listeners = new Set<() => void>();
  #closed = false;

  constructor(options: HerderOptions) {
    this.#options = options;
    const { config, catalogue, clock, planTimeoutMs } = options;
    this.commands = new Commands({ catalogue, store: config });
    this.#plans = new ConnectorPlans({
      planner: createPlanner(options),
      clock,
      planTimeoutMs,
      commit: (connector, settings, tasks) => this.commands.commitPlan(connector, settings, tasks),
      onFailed: (connector, error) => this.#onPlanFailed(connector, error),
    });
    this.#departures = new Departures({ ...options, onDone: () => this.reconcile() });
  }

  /** The stores are open. */
  start(): void {
    this.#options.scheduler.start((lease) => this.#runLease(lease));
    this.reconcile();
    this.#forgetStrayStatuses();
  }

  get catalogue(): Catalogue {
    return this.#options.catalogue;
  }

  get connectorNames(): string[] {
    return [...this.#options.config.state.connectors.keys()];
  }

  /** Raw settings: what goes out of the process is masked by the one who sends it. */
  settingsOf(name: string): Settings | undefined {
    return this.#options.config.state.connectors.get(name);
  }

  /** Where the connector takes signals from besides REST, and the key of those for it. */
  signalTopicOf(name: string): { readonly topic: string; readonly key: string } | undefined {
    const settings = this.settingsOf(name);
    const definition = this.catalogue.find(settings?.['connector.class'] ?? '');
    if (settings === undefined || definition?.takesSignals !== true) return undefined;
    const parsed = definition.parse(settings);
    return 'config' in parsed ? definition.signalTopic(parsed.config) : undefined;
  }

  taskSettingsOf(name: string): readonly Settings[] {
    return this.#options.config.state.taskSets.get(name)?.tasks ?? [];
  }

  info(name: string): ConnectorInfo | undefined {
    return connectorInfo(this.#options.config.state, name, this.typeOf(name));
  }

  status(name: string): ConnectorStatus | undefined {
    if (this.settingsOf(name) === undefined) return undefined;
    const extras = (index: number) => this.#supervisors.get(taskName({ connector: name, index }))?.supervisor.view;
    return connectorStatus(this.#options.statuses.state, name, this.typeOf(name), extras);
  }

  typeOf(name: string): ConnectorInfo['type'] {
    return this.catalogue.find(this.settingsOf(name)?.['connector.class'] ?? '')?.kind ?? 'unknown';
  }

  targetOf(name: string): ReturnType<typeof targetOf> {
    return targetOf(this.#options.config.state, name);
  }

  /** The trace of why a connector could not be planned, while it cannot. */
  planFailure(name: string): string | undefined {
    const failure = this.#planFailures.get(name);
    return failure !== undefined && failure.settings === this.settingsOf(name) ? failure.trace : undefined;
  }

  /** Topics the connector was seen to use, in name order. */
  activeTopics(name: string): string[] {
    return [...(this.#options.statuses.state.topics.get(name)?.keys() ?? [])].sort();
  }

  async forgetTopics(name: string): Promise<void> {
    this.#options.statuses.forgetTopics(name);
    await this.#options.statuses.flush();
  }

  /** The tasks of this worker, with what they show now. */
  tasks(): { readonly task: DesiredTask; readonly view: TaskView; readonly run: TaskRun | undefined }[] {
    return Array.from(this.#supervisors.values(), ({ task, supervisor }) => {
      return { task, view: supervisor.view, run: supervisor.run };
    });
  }

  /** Calls `listener` after every change of settings or of what runs, until the returned function is called. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => {
      this.#listeners.delete(listener);
    };
  }

  /** Brings what runs in line with the config topic; called at every change of it. */
  reconcile(): void {
    if (this.#closed) return;
    const { config, scheduler, logger } = this.#options;
    const desired = desiredOf(config.state);
    for (const task of desired.tasks) this.#supervisors.get(taskName(task))?.supervisor.setPaused(task.paused);
    scheduler.assign(desired.tasks.filter(({ connector }) => !this.#departures.isBusy(connector)));
    this.#lookForDepartures();
    const toPlan = new Map(desired.toPlan.map((name) => [name, config.state.connectors.get(name)!]));
    this.#plans.want(toPlan);
    for (const name of desired.toEmpty) {
      this.commands.commitNoTasks(name).catch((error) => {
        logger.warn({ connector: name, reason: describeError(error) }, 'the tasks of a stopped connector stay');
      });
    }
    this.#showConnectors();
    this.#changed();
  }

  /** A restart request was read from the config topic. */
  onRestart({ connector, includeTasks, onlyFailed }: RestartRequest): void {
    const failed = this.#planFailures.has(connector);
    if (!onlyFailed || failed) this.restartConnector(connector);
    if (!includeTasks) return;
    for (const { task, supervisor } of this.#supervisors.values()) {
      if (task.connector !== connector || (onlyFailed && supervisor.view.state !== 'FAILED')) continue;
      supervisor.restart();
    }
  }

  /** Plans a connector again whose planning failed; its tasks stay as they are. */
  restartConnector(name: string): void {
    this.#planFailures.delete(name);
    this.#plans.restart(name);
    this.#showConnectors();
  }

  /** False when this worker does not run the task. */
  restartTask(connector: string, index: number): boolean {
    const found = this.#supervisors.get(taskName({ connector, index }));
    found?.supervisor.restart();
    return found !== undefined;
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#plans.close();
    await this.#options.scheduler.close();
    await this.#departures.close();
  }

  async #runLease({ task, epoch, signal }: TaskLease): Promise<void> {
    const { startRun, followSignals, restartPolicy, clock, logger } = this.#options;
    const name = taskName(task);
    const supervisor = new TaskSupervisor({
      startRun: (onRunning) => startRun(task, epoch, onRunning),
      paused: task.paused,
      policy: restartPolicy,
      clock,
      logger: logger.child({ connector: task.connector, task: task.index }),
      onView: (view) => this.#showTask(task, view),
    });
    this.#supervisors.set(name, { task, supervisor });
    this.#showTask(task, supervisor.view);
    this.#changed();
    const over = new AbortController();
    const following = followSignals(task, AbortSignal.any([signal, over.signal]));
    await supervisor.supervise(signal);
    over.abort();
    await following;
    this.#supervisors.delete(name);
    if (!this.#isWanted(task)) this.#options.statuses.task(task.connector, task.index, null);
    if (!this.#closed) this.#lookForDepartures();
    this.#changed();
  }

  #lookForDepartures(): void {
    const isRunning = (name: string) => {
      for (const { task } of this.#supervisors.values()) if (task.connector === name) return true;
      return false;
    };
    this.#departures.look(this.#options.config.state, isRunning);
  }

  #isWanted({ connector, index }: TaskId): boolean {
    return this.targetOf(connector) !== 'STOPPED' && index < this.taskSettingsOf(connector).length;
  }

  #onPlanFailed(connector: string, error: unknown): void {
    const settings = this.settingsOf(connector);
    if (settings === undefined) return;
    const reason = describeError(error);
    this.#options.logger.error({ connector, reason }, 'the connector could not be planned');
    this.#planFailures.set(connector, { settings, trace: plainError(error).trace });
    this.#showConnectors();
    this.#changed();
  }

  #showConnectors(): void {
    const { config, statuses } = this.#options;
    for (const name of config.state.connectors.keys()) {
      const failure = this.planFailure(name);
      if (failure === undefined) this.#planFailures.delete(name);
      const target = targetOf(config.state, name);
      const running: RunState = target === 'STARTED' ? 'RUNNING' : target;
      // A stopped connector is shown as such even if it could not be planned before.
      const isFailed = failure !== undefined && target !== 'STOPPED';
      statuses.connector(name, isFailed ? this.#status('FAILED', failure) : this.#status(running, null));
    }
    this.#forgetStrayStatuses();
  }

  #showTask({ connector, index }: DesiredTask, view: TaskView): void {
    if (!view.isElsewhere) this.#options.statuses.task(connector, index, this.#status(view.state, view.trace));
    this.#changed();
  }

  #status(state: RunState, trace: string | null) {
    const isSettled = state !== 'UNASSIGNED' && state !== 'RESTARTING';
    const workerId = this.#options.workerId();
    return { state, trace, workerId, generation: 0, version: isSettled ? version : null };
  }

  /** Removes what the status topic says of connectors and tasks that are gone; those that end here are removed then. */
  #forgetStrayStatuses(): void {
    const { config, statuses } = this.#options;
    for (const name of statuses.connectorNames()) {
      if (!config.state.connectors.has(name)) statuses.connector(name, null);
    }
    for (const [connector, tasks] of statuses.state.tasks) {
      for (const index of tasks.keys()) {
        const isHere = this.#supervisors.has(taskName({ connector, index }));
        if (!isHere && !this.#isWanted({ connector, index })) statuses.task(connector, index, null);
      }
    }
    for (const name of statuses.state.topics.keys()) {
      if (!config.state.connectors.has(name)) statuses.forgetTopics(name);
    }
  }

  #changed(): void {
    for (const listener of this.#listeners) listener();
  }
}
