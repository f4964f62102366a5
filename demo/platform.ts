/** Millrace itself as the demo runs it: the broker, the worker and the pipeline file, as `millrace up` runs them. */

import { join, resolve } from 'node:path';
import { formatAddress } from '../cli/address.ts';
import { createLogger } from '../cli/logger.ts';
import { formatProblems, loadPipelines } from '../config/index.ts';
import { catalogue, loadConnector } from '../connectors/catalogue.ts';
import { systemClock } from '../core/base/clock.ts';
import { Lifecycle } from '../core/base/lifecycle.ts';
import { nodeDisk } from '../core/base/node-disk.ts';
import { startBroker } from '../core/index.ts';
import { startWorker, type Worker } from '../workers/index.ts';
import { portNear } from './ports.ts';

const host = '127.0.0.1';
const usualPorts = { broker: 9092, rest: 8083 } as const;
const drainDeadlineMs = 10_000;

export const pipelineFile = resolve(import.meta.dirname, '../examples/shop.yaml');

export interface Platform {
  /** `host:port` of the broker. */
  readonly bootstrap: string;
  readonly worker: Worker;
  /** Drains the sinks: what is in the topics is in their objects then. */
  close(): Promise<void>;
}

/** `onFailed` hears when the broker can keep its promises no more. */
export async function startPlatform(folder: string, onFailed: (error: unknown) => void): Promise<Platform> {
  const logger = createLogger({ level: 'warn', isTerminal: true });
  const life = new Lifecycle();
  const common = { clock: systemClock, logger };
  const listen = { host, port: await portNear(usualPorts.broker) };
  const broker = await life.open(
    () =>
      startBroker({ ...common, listen, dataDir: join(folder, 'log'), durability: 'default', disk: nodeDisk, onFailed }),
    (opened) => opened.close(),
  );
  const bootstrap = formatAddress(broker);
  const rest = { host, port: await portNear(usualPorts.rest) };
  const own = { bootstrapServers: [bootstrap], acceptThread: broker.acceptThread, rest, catalogue, loadConnector };
  const worker = await life.open(
    () => startWorker({ ...common, ...own }),
    (opened) => opened.close({ deadlineMs: drainDeadlineMs }),
  );
  return { bootstrap, worker, close: () => life.close() };
}

/** Puts the pipeline file to work; the variables are those it names. Answers the pattern of the topics that its sink reads. */
export async function applyPipeline(worker: Worker, env: Readonly<Record<string, string>>): Promise<RegExp> {
  const { pipelines, problems } = await loadPipelines([pipelineFile], { catalogue, env: { ...process.env, ...env } });
  if (problems.length > 0) process.stderr.write(formatProblems(problems, { color: false }));
  await worker.applyPipelines(pipelines);
  const patterns = pipelines.flatMap(({ connectors }) =>
    connectors.flatMap(({ config }) => config['topics.regex'] ?? []),
  );
  return new RegExp(patterns.join('|'), 'u');
}
