/** `millrace up`: broker, worker and REST in one process, running pipelines until it is stopped or, with --once, done. */

import type { CompiledPipeline } from '../config/index.ts';
import { catalogueFor, formatProblems, loadPipelines, wantsColor } from '../config/index.ts';
import { catalogue, loadConnector } from '../connectors/catalogue.ts';
import { systemClock } from '../core/base/clock.ts';
import { Lifecycle } from '../core/base/lifecycle.ts';
import type { Logger } from '../core/base/logger.ts';
import { nodeDisk } from '../core/base/node-disk.ts';
import { type Broker, startBroker } from '../core/index.ts';
import { startWorker, type Worker } from '../workers/index.ts';
import { type Address, formatAddress } from './address.ts';
import { type ExitCode, exitCodes } from './exit-codes.ts';
import { createLogger } from './logger.ts';
import { placesOf } from './places.ts';
import { ProgressLine, type ProgressMoment, renderProgress } from './progress-line.ts';
import { onStopSignal, type StopRequest } from './signals.ts';
import { renderSummary } from './summary.ts';

export interface UpOptions {
  readonly paths: readonly string[];
  readonly once: boolean;
  readonly dataDir: string;
  readonly listen: Address;
  readonly rest: Address;
  /** Comma-separated; undefined runs the embedded broker. */
  readonly bootstrapServers?: string | undefined;
  readonly exactlyOnceSourceSupport: 'enabled' | 'disabled';
  readonly durability: 'strict' | 'default' | 'os';
  readonly logLevel: string;
}

interface Running {
  readonly worker: Worker;
  /** Rejects when the embedded broker can no longer keep its promises; never settles otherwise. */
  readonly brokerFailed: Promise<never>;
}

const drainDeadlineMs = 25_000;
const progressEveryMs = 250;

export async function up(options: UpOptions): Promise<ExitCode> {
  const offered = catalogueFor({ exactlyOnceSources: options.exactlyOnceSourceSupport === 'enabled' }, catalogue);
  const { pipelines, problems } = await loadPipelines([...options.paths], { catalogue: offered, env: process.env });
  if (problems.length > 0)
    process.stderr.write(formatProblems(problems, { color: wantsColor(process.stderr, process.env) }));
  if (problems.some((problem) => problem.severity === 'error')) return exitCodes.invalidConfiguration;

  const line = new ProgressLine(process.stderr);
  const logger = createLogger({
    level: options.logLevel,
    isTerminal: process.stderr.isTTY === true,
    around: (write) => line.around(write),
  });
  const stop = onStopSignal((signal) => logger.info({ signal }, 'draining; once more ends at once'));
  const lifecycle = new Lifecycle();
  try {
    const running = await start(options, lifecycle, logger, pipelines);
    return await (options.once ? runOnce(running, line, pipelines, stop) : runUntilStopped(running, line, stop));
  } finally {
    line.clear();
    await lifecycle.close();
    stop.dispose();
  }
}

async function start(
  options: UpOptions,
  lifecycle: Lifecycle,
  logger: Logger,
  pipelines: readonly CompiledPipeline[],
): Promise<Running> {
  let fail: (error: unknown) => void = () => {};
  const brokerFailed = new Promise<never>((_resolve, reject) => {
    fail = reject;
  });
  brokerFailed.catch(() => {}); // looked at by whoever waits; a failure during shutdown is already logged
  const broker =
    options.bootstrapServers === undefined ? await startEmbeddedBroker(options, lifecycle, logger, fail) : undefined;
  const bootstrapServers = broker === undefined ? (options.bootstrapServers ?? '').split(',') : [formatAddress(broker)];
  const worker = await lifecycle.open(
    () =>
      startWorker({
        bootstrapServers,
        acceptThread: broker?.acceptThread,
        rest: options.rest,
        catalogue,
        loadConnector,
        clock: systemClock,
        logger,
        exactlyOnceSourceSupport: options.exactlyOnceSourceSupport,
        once: options.once,
      }),
    (opened) => opened.close({ deadlineMs: drainDeadlineMs }),
  );
  await worker.applyPipelines(pipelines);
  announce(options, bootstrapServers, worker, pipelines);
  return { worker, brokerFailed };
}

function startEmbeddedBroker(
  options: UpOptions,
  lifecycle: Lifecycle,
  logger: Logger,
  onFailed: (error: unknown) => void,
): Promise<Broker> {
  const { listen, dataDir, durability } = options;
  return lifecycle.open(
    () => startBroker({ listen, dataDir, durability, disk: nodeDisk, clock: systemClock, logger, onFailed }),
    (opened) => opened.close(),
  );
}

function announce(
  options: UpOptions,
  bootstrapServers: readonly string[],
  worker: Worker,
  pipelines: readonly CompiledPipeline[],
): void {
  const lines = [
    `broker    ${bootstrapServers.join(',')}${options.bootstrapServers === undefined ? `   data in ${options.dataDir}` : ''}`,
    ...(worker.restAddress === undefined ? [] : [`rest      http://${formatAddress(worker.restAddress)}`]),
  ];
  for (const { pipeline, topics, targets } of pipelines.map(placesOf)) {
    lines.push(
      `pipeline  ${pipeline}: topic ${topics.join(', ')}${targets.length === 0 ? '' : ` → ${targets.join(', ')}`}`,
    );
  }
  process.stdout.write(`${lines.join('\n')}\n`);
}

async function runOnce(
  { worker, brokerFailed }: Running,
  line: ProgressLine,
  pipelines: readonly CompiledPipeline[],
  stop: StopRequest,
): Promise<ExitCode> {
  const stopping = new AbortController();
  const interrupted = stop.requested.then((signal) => {
    stopping.abort(new Error(`stopped by ${signal}`));
    return undefined;
  });
  const first: ProgressMoment = { ...worker.progress(), atMs: systemClock.monotonicMs() };
  const onProgress = (now: ReturnType<Worker['progress']>) =>
    line.show(renderProgress(first, { ...now, atMs: systemClock.monotonicMs() }));
  const run = worker.runToEnd({ onProgress, signal: stopping.signal });
  const summary = await Promise.race([run, interrupted, brokerFailed]);
  line.clear();
  if (summary === undefined) {
    await run.catch(() => {}); // it was told to end early
    return exitCodes.runtime;
  }
  process.stdout.write(`${renderSummary(summary, pipelines.map(placesOf))}\n`);
  return exitCodes.ok;
}

async function runUntilStopped(
  { worker, brokerFailed }: Running,
  line: ProgressLine,
  stop: StopRequest,
): Promise<ExitCode> {
  let before: ProgressMoment = { ...worker.progress(), atMs: systemClock.monotonicMs() };
  let timer = systemClock.timer(progressEveryMs, tick);
  function tick(): void {
    const now = { ...worker.progress(), atMs: systemClock.monotonicMs() };
    line.show(renderProgress(before, now));
    before = now;
    timer = systemClock.timer(progressEveryMs, tick);
  }
  try {
    await Promise.race([stop.requested, brokerFailed]);
    return exitCodes.ok;
  } finally {
    timer.cancel();
  }
}
