/** Puts a worker together: connections, stores, herder, REST; opened in order, closed in reverse. */

import { catalogueFor } from '../config/index.ts';
import { describeError } from '../core/base/errors.ts';
import { Lifecycle } from '../core/base/lifecycle.ts';
import {
  type Admin,
  type Cluster,
  connectCluster,
  createProducer,
  fenceTransactionalId,
  openAdmin,
  type Producer,
} from '../core/client/index.ts';
import { ConnectorSignals } from './herder/connector-signals.ts';
import { Herder, type HerderOptions } from './herder/herder.ts';
import { SignalTopics } from './herder/signal-topics.ts';
import { InlineScheduler } from './scheduler/inline-scheduler.ts';
import { ConfigStore } from './stores/config-store.ts';
import { kafkaKeyedLog } from './stores/kafka-keyed-log.ts';
import { OffsetStore } from './stores/offset-store.ts';
import { StatusStore } from './stores/status-store.ts';
import { TaskNumbers } from './task-numbers.ts';
import { ownsElsewhere } from './tasks/after-fence.ts';
import { joinSinkGroup } from './tasks/sink-group.ts';
import { TaskRuns } from './tasks/task-runs.ts';
import { Topics } from './topics.ts';
import { RunningWorker, type Worker } from './worker.ts';
import { settingsOf, type WorkerOptions, type WorkerSettings } from './worker-options.ts';

/** The transaction that a run left open is ended within a few round trips; a coordinator that is away is asked again by the next try. */
const fenceTimeoutMs = 60_000;

/** What the rest of a worker stands on. */
interface Ground {
  readonly options: WorkerOptions;
  readonly settings: WorkerSettings;
  readonly life: Lifecycle;
  readonly cluster: Cluster;
  readonly producer: Producer;
  readonly admin: Admin;
  readonly topics: Topics;
}

interface Stores {
  readonly config: ConfigStore;
  readonly offsets: OffsetStore;
  readonly statuses: StatusStore;
}

/** Resolves when the stores are read, what was declared before is being started, and REST listens. */
export async function startWorker(options: WorkerOptions): Promise<Worker> {
  const life = new Lifecycle();
  try {
    return await start(options, life);
  } catch (error) {
    await life.close();
    throw error;
  }
}

async function start(options: WorkerOptions, life: Lifecycle): Promise<Worker> {
  const settings = settingsOf(options);
  const ground = await openGround(options, settings, life);
  const numbers = new TaskNumbers();
  let broken: string | undefined;
  const onFailed = (error: unknown) => {
    broken = `a topic of the worker cannot be read any more: ${describeError(error)}`;
    options.logger.error({ reason: describeError(error) }, 'a topic of the worker cannot be read any more');
  };
  const events = { onChange: () => {}, onRestart: () => {}, onFailed } as StoreEvents;
  const stores = await openStores(ground, events);
  const runs = createRuns(ground, stores, numbers, () => worker.id);
  const herder: Herder = createHerder(ground, stores, {
    ...{ numbers, runs, workerId: () => worker.id },
    followSignals: (task, ended) => signalTopics.follow(task, ended),
  });
  const signals = new ConnectorSignals({ herder, offsets: stores.offsets, clock: options.clock });
  const signalTopics = new SignalTopics({
    ...options,
    ...ground,
    ...stores,
    signals,
    topicOf: (name) => herder.signalTopicOf(name),
  });
  events.onChange = () => herder.reconcile();
  events.onRestart = (request) => herder.onRestart(request);
  life.onClose(() => herder.close());
  const worker: RunningWorker = new RunningWorker({
    ...ground,
    ...stores,
    herder,
    signals,
    numbers,
    runs,
    brokenBecause: () => broken,
  });
  await worker.start();
  return worker;
}

async function openGround(options: WorkerOptions, settings: WorkerSettings, life: Lifecycle): Promise<Ground> {
  const { bootstrapServers, clock, logger } = options;
  const clusterOptions = { bootstrapServers, clientId: settings.clientId, clock, logger };
  const cluster = await life.open(
    () => connectCluster(clusterOptions),
    (part) => part.close(),
  );
  const producer = await life.open(
    () => createProducer(cluster, { idempotent: true, acks: -1 }),
    (part) => part.close(),
  );
  const admin = await life.open(
    () => openAdmin(cluster),
    (part) => part.close(),
  );
  const topics = new Topics({ admin, partitionCount: (topic) => cluster.partitionCount(topic) });
  return { options, settings, life, cluster, producer, admin, topics };
}

type StoreEvents = {
  -readonly [K in 'onChange' | 'onRestart' | 'onFailed']: ConstructorParameters<typeof ConfigStore>[0][K];
};

async function openStores(
  { options, settings, life, cluster, producer, topics }: Ground,
  events: StoreEvents,
): Promise<Stores> {
  const { clock, logger } = options;
  const names = settings.topics;
  const logOf = async (topic: string, partitions: number) => {
    const partitionCount = await topics.ensureCompacted(topic, partitions, names.replicationFactor);
    return { log: kafkaKeyedLog({ cluster, producer, topic, partitionCount, clock }), partitionCount };
  };
  const { onFailed } = events;
  const [configLog, offsetsLog, statusLog] = await Promise.all([
    logOf(names.config, 1),
    logOf(names.offsets, names.offsetsPartitions),
    logOf(names.status, names.statusPartitions),
  ]);
  const config = new ConfigStore({
    log: configLog.log,
    onChange: () => events.onChange(),
    onRestart: (request) => events.onRestart(request),
    onFailed,
  });
  const offsets = new OffsetStore({ ...offsetsLog, onFailed });
  const statuses = new StatusStore({ log: statusLog.log, logger, onFailed });
  life.onClose(() => Promise.all([config.close(), offsets.close(), statuses.close()]).then(() => {}));
  offsets.open();
  await Promise.all([config.open(), statuses.open()]);
  return { config, offsets, statuses };
}

function createRuns(
  { options, settings, topics, cluster }: Ground,
  stores: Stores,
  numbers: TaskNumbers,
  workerId: () => string,
): TaskRuns {
  const { catalogue, clock, logger, bootstrapServers, acceptThread } = options;
  return new TaskRuns({
    settings,
    bootstrapServers,
    acceptThread,
    catalogue,
    offsets: stores.offsets,
    topics,
    join: (groupId, clientId, names, events) => {
      const own = connectCluster({ bootstrapServers, clientId, clock, logger });
      return joinSinkGroup({ cluster: own, groupId, topics: names, logger, ...events });
    },
    fence: (id) => fenceTransactionalId(cluster, id, { timeoutMs: fenceTimeoutMs }),
    runsElsewhere: async ({ connector, index }) =>
      ownsElsewhere(await stores.statuses.lastOf(connector, index), workerId()),
    onNumbers: (task, totals, values) => numbers.report(task, totals, values),
    onCount: (task, name, delta) => numbers.count(task, name, delta),
    onActiveTopic: ({ connector, index }, topic) => {
      stores.statuses.activeTopic({ connector, topic, task: index, discoverTimestampMs: clock.nowMs() });
    },
    clock,
    logger,
  });
}

function createHerder(
  { options, settings }: Ground,
  stores: Stores,
  {
    numbers,
    runs,
    ...more
  }: { numbers: TaskNumbers; runs: TaskRuns } & Pick<HerderOptions, 'workerId' | 'followSignals'>,
): Herder {
  const { loadConnector, clock, logger } = options;
  return new Herder({
    ...stores,
    catalogue: catalogueFor({ exactlyOnceSources: settings.exactlyOnce }, options.catalogue),
    loadConnector,
    scheduler: options.scheduler ?? new InlineScheduler(),
    startRun: (task, _epoch, onRunning) => {
      numbers.startOver(task);
      return runs.start(task, onRunning);
    },
    restartPolicy: settings.restartPolicy,
    planTimeoutMs: settings.planTimeoutMs,
    ...more,
    clock,
    logger,
  });
}
