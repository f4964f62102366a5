/** A running worker as its owner sees it. */

import type { CompiledPipeline } from '../config/index.ts';
import type { Lifecycle } from '../core/base/lifecycle.ts';
import { type Admin, type Cluster, earliestOffset, latestOffset, listOffsets } from '../core/client/index.ts';
import { clusterIdOf } from './cluster-id.ts';
import { workerErrors } from './error-codes.ts';
import { type Health, healthOf } from './health.ts';
import { ConnectorOffsets } from './herder/connector-offsets.ts';
import type { ConnectorSignals } from './herder/connector-signals.ts';
import type { Herder } from './herder/herder.ts';
import { snapshotProgress } from './herder/snapshot-progress.ts';
import { Metrics } from './metrics.ts';
import type { RestServices } from './rest/server.ts';
import { progressOf, type RunProgress, type RunSummary, runToEnd } from './run-to-end.ts';
import type { OffsetStore } from './stores/offset-store.ts';
import type { StatusStore } from './stores/status-store.ts';
import type { TaskNumbers } from './task-numbers.ts';
import type { TaskRuns } from './tasks/task-runs.ts';
import type { Topics } from './topics.ts';
import { version } from './version.ts';
import type { WorkerOptions, WorkerSettings } from './worker-options.ts';

export interface Worker {
  /** Undefined when no REST interface was asked for. */
  readonly restAddress: { readonly host: string; readonly port: number } | undefined;
  readonly herder: Herder;
  readonly numbers: TaskNumbers;
  health(): Health;
  /** Makes sure of the topics, then puts the connectors; what is as declared is left alone. */
  applyPipelines(pipelines: readonly CompiledPipeline[]): Promise<void>;
  /**
   * For a worker started with `once`: resolves when every source has read what there was and every sink has written and
   * committed it. Rejects with `worker/run-failed` when something failed for good. `onProgress` is called about four
   * times a second.
   */
  runToEnd(options?: RunOptions): Promise<RunSummary>;
  /** Totals since the start. */
  progress(): RunProgress;
  /** Drains every task, each at most until the deadline, and closes everything. Idempotent. */
  close(options?: { readonly deadlineMs?: number }): Promise<void>;
}

export interface RunOptions {
  readonly onProgress?: (progress: RunProgress) => void;
  readonly signal?: AbortSignal;
}

/** What REST and the worker's owner act upon. */
export interface WorkerParts {
  readonly options: WorkerOptions;
  readonly settings: WorkerSettings;
  readonly life: Lifecycle;
  readonly cluster: Cluster;
  readonly admin: Admin;
  readonly topics: Topics;
  readonly offsets: OffsetStore;
  readonly statuses: StatusStore;
  readonly herder: Herder;
  readonly signals: ConnectorSignals;
  readonly numbers: TaskNumbers;
  readonly runs: TaskRuns;
  readonly brokenBecause: () => string | undefined;
}

export class RunningWorker implements Worker {
  readonly #parts: WorkerParts;
  #started = false;
  #restAddress: Worker['restAddress'];

  constructor(parts: WorkerParts) {
    this.#parts = parts;
  }

  get restAddress(): Worker['restAddress'] {
    return this.#restAddress;
  }

  /** `host:port` of REST, under which Kafka Connect knows its workers. */
  get id(): string {
    const { settings } = this.#parts;
    return this.#restAddress === undefined ? settings.clientId : `${this.#restAddress.host}:${this.#restAddress.port}`;
  }

  get herder(): Herder {
    return this.#parts.herder;
  }

  get numbers(): TaskNumbers {
    return this.#parts.numbers;
  }

  /** REST listens first, so that whoever watches sees the start. */
  async start(): Promise<void> {
    const { options, life, herder, offsets, signals, admin, numbers } = this.#parts;
    if (options.rest !== undefined) {
      const metrics = new Metrics({ herder, numbers });
      life.onClose(() => metrics.close());
      const startOf = (topic: string, partition: number) => this.#startOf(topic, partition);
      const services: RestServices = {
        version,
        clusterId: () => clusterIdOf(this.#parts.cluster),
        health: () => this.health(),
        metrics: () => metrics.expose(),
        herder,
        offsets: new ConnectorOffsets({ herder, offsets, groups: admin, startOf }),
        signals,
        progress: (name) => {
          // The numbers of a run outlast it.
          const isRun = herder.targetOf(name) !== 'STOPPED';
          return isRun ? snapshotProgress(numbers.all().filter(({ connector }) => connector === name)) : undefined;
        },
        logger: options.logger,
        loadConnector: options.loadConnector,
      };
      const { startRest } = await import('./rest/server.ts');
      const rest = await startRest(options.rest, services);
      life.onClose(() => rest.close());
      this.#restAddress = { host: rest.host, port: rest.port };
    }
    life.onClose(herder.onChange(() => numbers.keep((name) => herder.settingsOf(name) !== undefined)));
    herder.start();
    this.#started = true;
  }

  health(): Health {
    const { herder, brokenBecause } = this.#parts;
    return healthOf({ herder, started: this.#started, broken: brokenBecause() });
  }

  async applyPipelines(pipelines: readonly CompiledPipeline[]): Promise<void> {
    const { topics, herder } = this.#parts;
    const specs = pipelines.flatMap((pipeline) => pipeline.topics);
    await topics.create(specs.map(({ name, ...rest }) => ({ topic: name, ...rest })));
    for (const { connectors } of pipelines) {
      for (const { name, config } of connectors) await herder.commands.put(name, config);
    }
  }

  runToEnd({ onProgress, signal }: RunOptions = {}): Promise<RunSummary> {
    const { herder, numbers, options } = this.#parts;
    const endsOf = (topics: readonly string[]) => this.#endsOf(topics);
    return runToEnd({ herder, numbers, endsOf, clock: options.clock, onProgress, signal });
  }

  progress(): RunProgress {
    return progressOf(this.#parts.numbers);
  }

  close({ deadlineMs }: { readonly deadlineMs?: number } = {}): Promise<void> {
    if (deadlineMs !== undefined) this.#parts.runs.stopWithin(deadlineMs);
    return this.#parts.life.close();
  }

  async #startOf(topic: string, partition: number): Promise<number> {
    const count = await this.#parts.cluster.partitionCount(topic);
    if (partition >= count) {
      const message = `the topic has ${count} partitions`;
      throw workerErrors.error('bad-request', { message, where: `${topic}-${partition}` });
    }
    const [found] = await listOffsets(this.#parts.cluster, [{ topic, partition, timestampMs: earliestOffset }]);
    return found?.offset ?? 0;
  }

  async #endsOf(topics: readonly string[]) {
    const { cluster } = this.#parts;
    const queries = [];
    for (const topic of topics) {
      const count = await cluster.partitionCount(topic);
      for (let partition = 0; partition < count; partition++)
        queries.push({ topic, partition, timestampMs: latestOffset });
    }
    return queries.length === 0 ? [] : await listOffsets(cluster, queries);
  }
}
