/** A bounded run: sources finish, sinks read up to where the topics ended then, everything is drained and committed. */

import type { TopicPartition } from '../connectors/contract/record.ts';
import type { SinkPosition } from '../connectors/contract/sink.ts';
import type { Clock } from '../core/base/clock.ts';
import { workerErrors } from './error-codes.ts';
import type { Herder } from './herder/herder.ts';
import { taskName } from './herder/reconcile.ts';
import type { TaskNumbers } from './task-numbers.ts';
import type { SteeredRun } from './tasks/steered-run.ts';

/** Totals since the worker started. */
export interface RunProgress {
  readonly sourceRecords: number;
  readonly sourceBytes: number;
  readonly sinkRecords: number;
  readonly sinkBytes: number;
  /** Files a source has read to their end. */
  readonly files: number;
  /** Objects or files a sink has made visible. */
  readonly objects: number;
  readonly deadLetters: number;
  readonly skipped: number;
}

export interface RunSummary extends RunProgress {
  readonly durationMs: number;
}

export interface RunToEndOptions {
  readonly herder: Herder;
  readonly numbers: TaskNumbers;
  /** Where the partitions of the topics end now. */
  readonly endsOf: (topics: readonly string[]) => Promise<readonly SinkPosition[]>;
  readonly clock: Clock;
  readonly onProgress?: ((progress: RunProgress) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

const pollMs = 20;
const progressEveryMs = 250;

export async function runToEnd(options: RunToEndOptions): Promise<RunSummary> {
  const { herder, clock, numbers, onProgress } = options;
  const startedMs = clock.monotonicMs();
  let timer = clock.timer(progressEveryMs, tick);
  function tick(): void {
    onProgress?.(progressOf(numbers));
    timer = clock.timer(progressEveryMs, tick);
  }
  try {
    await until(options, () => isPlanned(herder) && sourcesFinished(herder));
    await drainSinks(options);
    const summary = { ...progressOf(numbers), durationMs: clock.monotonicMs() - startedMs };
    onProgress?.(summary);
    return summary;
  } finally {
    timer.cancel();
  }
}

export function progressOf(numbers: TaskNumbers): RunProgress {
  return {
    sourceRecords: numbers.sum('source_records_total'),
    sourceBytes: numbers.sum('source_bytes_total'),
    sinkRecords: numbers.sum('sink_offsets_total'),
    sinkBytes: numbers.sum('sink_bytes_total'),
    files: numbers.sumValues('files_done'),
    objects: numbers.sum('objects_total'),
    deadLetters: numbers.sum('records_dead_lettered_total'),
    skipped: numbers.sum('records_skipped_total'),
  };
}

/** Rejects as soon as something that must run can run no more. */
async function until(options: RunToEndOptions, isReached: () => boolean): Promise<void> {
  while (!isReached()) {
    throwIfStuck(options.herder);
    await options.clock.sleep(pollMs, options.signal);
  }
}

function throwIfStuck(herder: Herder): void {
  for (const name of herder.connectorNames) {
    const failure = herder.planFailure(name);
    if (failure !== undefined) throw stuck(name, failure);
  }
  for (const { task, view } of herder.tasks()) {
    if (view.state === 'FAILED' && view.nextRestartAtMs === undefined) throw stuck(taskName(task), view.trace ?? '');
  }
}

function stuck(where: string, trace: string): Error {
  return workerErrors.error('run-failed', { message: trace.split('\n', 1)[0] ?? '', where });
}

function isPlanned(herder: Herder): boolean {
  const running = new Set(herder.tasks().map(({ task }) => taskName(task)));
  return started(herder).every((name) => {
    const count = herder.taskSettingsOf(name).length;
    return count > 0 && Array.from({ length: count }, (_, index) => `${name}-${index}`).every((id) => running.has(id));
  });
}

function sourcesFinished(herder: Herder): boolean {
  return herder.tasks().every(({ task, view }) => herder.typeOf(task.connector) !== 'source' || view.finished);
}

/** What the sinks must reach is asked for once: what is written later belongs to a later run. */
async function drainSinks(options: RunToEndOptions): Promise<void> {
  const { herder, endsOf } = options;
  const sinks = started(herder).filter((name) => herder.typeOf(name) === 'sink');
  await untilAllIsRead(options, sinks);
  const read = new Map(sinks.map((name) => [name, new Set(runsOf(herder, name).flatMap((run) => run.topics))]));
  const ends = await endsOf([...new Set([...read.values()].flatMap((topics) => [...topics]))]);
  const ofSink = (name: string) => ends.filter((end) => read.get(name)?.has(end.topic) === true);
  await Promise.all(sinks.map((name) => drainSink(options, name, ofSink(name))));
}

/** What sources have made while they ran is read too. */
async function untilAllIsRead(options: RunToEndOptions, sinks: readonly string[]): Promise<void> {
  const { herder, clock, signal } = options;
  for (;;) {
    await until(options, () => sinks.every((name) => runsOf(herder, name).length > 0));
    const runs = sinks.flatMap((name) => runsOf(herder, name));
    const answers = await Promise.all(runs.map((run) => run.readsAll()));
    if (answers.every((readsAll) => readsAll)) return;
    await clock.sleep(pollMs, signal);
  }
}

/** Asks again when a rebalance or a restart moved partitions, until the group's commits show that all is written. */
async function drainSink(options: RunToEndOptions, connector: string, ends: readonly SinkPosition[]): Promise<void> {
  const { herder } = options;
  const owned = () => new Set(runsOf(herder, connector).flatMap((run) => run.assignment().map(keyOf)));
  const offsetOf = (end: SinkPosition) => {
    const found = runsOf(herder, connector).flatMap((run) =>
      run.committed().filter((each) => keyOf(each) === keyOf(end)),
    );
    return Math.max(0, ...found.map(({ offset }) => offset));
  };
  for (;;) {
    await until(options, () => ends.every((end) => owned().has(keyOf(end))));
    await Promise.all(runsOf(herder, connector).map((run) => run.drainTo(ends)));
    if (ends.every((end) => offsetOf(end) >= end.offset)) return;
    await options.clock.sleep(pollMs, options.signal);
    throwIfStuck(herder);
  }
}

function runsOf(herder: Herder, connector: string): SteeredRun[] {
  const runs = herder.tasks().filter(({ task, run }) => task.connector === connector && run !== undefined);
  return runs.map(({ run }) => run as SteeredRun);
}

function started(herder: Herder): string[] {
  return herder.connectorNames.filter((name) => herder.targetOf(name) === 'STARTED');
}

function keyOf({ topic, partition }: TopicPartition): string {
  return `${topic}-${partition}`;
}
