/** The broker: opens what is durable, serves it on a port, and closes in the opposite order. */

import type { MessagePort } from 'node:worker_threads';
import { describeError, type MillraceError } from '../base/errors.ts';
import { Lifecycle } from '../base/lifecycle.ts';
import type { Logs } from '../log/log-manager.ts';
import { BatchMemory } from '../protocol/batch-memory.ts';
import { advertisedAddress, isLoopback } from './addresses.ts';
import type { Services } from './api-handler.ts';
import { apiTable } from './api-table.ts';
import type { BrokerOptions } from './broker-options.ts';
import { ByteBudget } from './byte-budget.ts';
import { ConnectionSet } from './connection-set.ts';
import { Dispatcher } from './dispatcher.ts';
import { openDurableState } from './durable-state.ts';
import { FetchWaiters } from './fetch-waiters.ts';
import { type BrokerLimits, type BrokerSettings, defaultLimits, defaultSettings } from './settings.ts';
import { type Listener, listenTcp } from './tcp-transport.ts';
import { acceptThreads } from './thread-transport.ts';
import type { TopicCatalogue } from './topic-catalogue.ts';
import type { Transport } from './transport.ts';

interface BrokerStats {
  readonly connections: number;
  /** Since the start. */
  readonly requests: number;
  readonly topics: number;
  readonly partitions: number;
  readonly groups: number;
  readonly waitingFetches: number;
  readonly inFlightRequestBytes: number;
  readonly unsentFetchBytes: number;
}

export interface Broker {
  readonly host: string;
  readonly port: number;
  readonly clusterId: string;
  stats(): BrokerStats;
  /** Serves a client that is connected by something else than TCP. */
  accept(transport: Transport): void;
  /** Serves the clients of another thread, whose `threadTransport` has the other end of this port. */
  acceptThread(door: MessagePort): void;
  /** Answers what is in progress, makes everything durable and marks the shutdown as clean. Idempotent. */
  close(): Promise<void>;
}

const nodeId = 1;

/** Resolves when the port is open and everything durable is loaded; a failed start leaves nothing open. */
export async function startBroker(options: BrokerOptions): Promise<Broker> {
  const lifecycle = new Lifecycle();
  try {
    return await start(options, lifecycle);
  } catch (error) {
    await lifecycle.close();
    throw error;
  }
}

async function start(options: BrokerOptions, lifecycle: Lifecycle): Promise<Broker> {
  const { clock, logger, listen } = options;
  const limits: BrokerLimits = { ...defaultLimits, ...options.limits };
  const settings: BrokerSettings = { ...defaultSettings, ...options.settings };
  const { logs, catalogue, coordinator, transactions, producerIds } = await openDurableState(
    options,
    settings,
    lifecycle,
  );
  const { clusterId } = logs;
  const { dataDir } = options;
  const fetchWaiters = new FetchWaiters(clock);
  const fetchBudget = new ByteBudget(limits.maxFetchBytes);
  const requestBudget = new ByteBudget(limits.maxTotalInFlightBytes);
  const memory = new BatchMemory({ maxBytes: limits.maxSpareBytes });
  let listener: Listener | undefined;
  const services: Services = {
    ...{ logs, catalogue, coordinator, transactions, fetchWaiters, fetchBudget, memory, clock, logger, settings },
    ...{ clusterId, nodeId, dataDir },
    nextProducerId: () => producerIds.nextProducerId(),
    advertised: () => advertisedAddress(listener ?? listen, options.advertised),
  };
  const dispatcher = new Dispatcher(apiTable(services), logger);
  const connections = new ConnectionSet({ dispatcher, budget: requestBudget, memory, limits, clock, logger });
  // Waiting members and fetches are answered first, or draining the connections would wait for them.
  lifecycle.onClose(() => connections.finish());
  lifecycle.onClose(() => Promise.all([coordinator.close(), transactions.close()]).then(() => {}));
  lifecycle.onClose(() => fetchWaiters.close());
  const opened = await lifecycle.open(
    () => listenTcp(listen, (transport) => connections.accept(transport)),
    (part) => part.close(),
  );
  listener = opened;
  stopOnFailure(options, { logs, listener: opened });
  if (!isLoopback(listen.host))
    logger.warn({ host: listen.host }, 'others can reach the broker, and it asks nobody who they are');
  logger.info({ host: opened.host, port: opened.port, clusterId }, 'broker is ready');
  const stats = () => ({
    connections: connections.count,
    requests: dispatcher.requestCount,
    ...countTopics(catalogue),
    groups: coordinator.groups().length,
    waitingFetches: fetchWaiters.count,
    inFlightRequestBytes: requestBudget.usedBytes,
    unsentFetchBytes: fetchBudget.usedBytes,
  });
  const accept = (transport: Transport) => connections.accept(transport);
  const acceptThread = (door: MessagePort) => acceptThreads(door, accept);
  const { host, port } = opened;
  return { host, port, clusterId, stats, accept, acceptThread, close: () => lifecycle.close() };
}

function countTopics(catalogue: TopicCatalogue): { topics: number; partitions: number } {
  let topics = 0;
  let partitions = 0;
  for (const topic of catalogue.all()) {
    topics += 1;
    partitions += topic.partitions.length;
  }
  return { topics, partitions };
}

/** What a failed disk took cannot be promised again: no new client, KAFKA_STORAGE_ERROR for the others, and the owner is told. */
function stopOnFailure(options: BrokerOptions, { logs, listener }: { logs: Logs; listener: Listener }): void {
  const onFailed = () => {
    options.logger.error({}, `the broker stops: ${describeError(logs.failed.reason)}`);
    void listener.close();
    options.onFailed?.(logs.failed.reason as MillraceError);
  };
  if (logs.failed.aborted) onFailed();
  else logs.failed.addEventListener('abort', onFailed, { once: true });
}
