/** What every part of a task's thread shares, and the connector's module. */

import type { SinkConnector } from '../../connectors/contract/sink.ts';
import type { SourceConnector } from '../../connectors/contract/source.ts';
import type { Clock } from '../../core/base/clock.ts';
import type { Logger } from '../../core/base/logger.ts';
import type { Cluster } from '../../core/client/cluster.ts';
import type { Gate } from './gate.ts';
import type { HostLink } from './host-link.ts';
import type { TaskSpec } from './messages.ts';
import type { TaskGauges } from './task-gauges.ts';

export interface ThreadContext {
  readonly spec: TaskSpec;
  readonly link: HostLink;
  readonly logger: Logger;
  readonly gauges: TaskGauges;
  readonly cluster: Cluster;
  readonly clock: Clock;
  readonly gate: Gate;
  /** Sends the numbers to the main thread at once. */
  readonly flushNumbers: () => void;
}

interface ConnectorsModule {
  readonly loadConnector: (name: string) => Promise<SourceConnector | SinkConnector>;
}

/** The connector that the task belongs to, loaded with its driver. */
export async function loadSource(spec: TaskSpec): Promise<SourceConnector> {
  return (await load(spec)) as SourceConnector;
}

export async function loadSink(spec: TaskSpec): Promise<SinkConnector> {
  return (await load(spec)) as SinkConnector;
}

async function load(spec: TaskSpec): Promise<SourceConnector | SinkConnector> {
  const module = (await import(spec.connectorsModule)) as ConnectorsModule;
  return module.loadConnector(spec.connectorName);
}
