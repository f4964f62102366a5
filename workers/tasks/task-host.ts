/** One task's thread as the main thread sees it: its start, its messages, and its one way to end. */

import { MessageChannel, type MessagePort, Worker } from 'node:worker_threads';
import type { TopicPartition } from '../../connectors/contract/record.ts';
import type { SinkPosition } from '../../connectors/contract/sink.ts';
import type { SourcePosition } from '../../connectors/contract/source.ts';
import type { Clock } from '../../core/base/clock.ts';
import type { Logger } from '../../core/base/logger.ts';
import { workerErrors } from '../error-codes.ts';
import type {
  AssignedPartition,
  FromThread,
  PlainError,
  TaskSpec,
  ThreadStart,
  ToThread,
} from '../task-thread/messages.ts';
import { plainError } from '../task-thread/plain-error.ts';
import type { TopicFacts } from '../topics.ts';

/** What V8 may use in one task's thread; buffers outside the heap are bounded by the task's own limits. */
export interface ThreadLimits {
  readonly oldGenerationMb: number;
  readonly youngGenerationMb: number;
}

export interface TaskHostOptions {
  readonly spec: TaskSpec;
  readonly threadLimits: ThreadLimits;
  /** See `WorkerOptions`. */
  readonly acceptThread?: ((door: MessagePort) => void) | undefined;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly onRunning: () => void;
  readonly onCommit: (positions: readonly SinkPosition[]) => void;
  readonly onGauges: (totals: Readonly<Record<string, number>>, values: Readonly<Record<string, number>>) => void;
  readonly onActiveTopic: (topic: string) => void;
  /** Makes sure that a topic exists. */
  readonly ensureTopic: (topic: string, purpose: 'records' | 'dead letters') => Promise<TopicFacts>;
}

export type TaskEnd =
  | { readonly how: 'stopped' }
  | { readonly how: 'finished' }
  | { readonly how: 'failed'; readonly error: PlainError }
  /** Its writes were refused because another worker has the task. */
  | { readonly how: 'replaced'; readonly error: PlainError };

const entry = new URL('../task-thread/entry.js', import.meta.url);

/** The task's program has the form this file has: TypeScript in a checkout, JavaScript in a package. */
const main = new URL(`../task-thread/main.${import.meta.url.endsWith('.ts') ? 'ts' : 'js'}`, import.meta.url);

export class TaskHost {
  readonly #options: TaskHostOptions;
  readonly #thread: Worker;
  readonly #end = Promise.withResolvers<TaskEnd>();
  readonly #waiting = new Map<number, () => void>();
  #nextId = 1;
  #hasEnded = false;

  constructor(options: TaskHostOptions) {
    this.#options = options;
    const { spec, threadLimits } = options;
    const start: ThreadStart = { spec, brokerDoor: openDoor(options.acceptThread) };
    this.#thread = new Worker(entry, {
      name: `${spec.connector}-${spec.taskIndex}`,
      workerData: start,
      transferList: start.brokerDoor === undefined ? [] : [start.brokerDoor],
      argv: [main.href],
      resourceLimits: {
        maxOldGenerationSizeMb: threadLimits.oldGenerationMb,
        maxYoungGenerationSizeMb: threadLimits.youngGenerationMb,
      },
    });
    this.#thread.on('message', (message: FromThread) => this.#onMessage(message));
    this.#thread.on('error', (error) => this.#finish({ how: 'failed', error: plainError(crash(spec, error)) }));
    this.#thread.on('exit', (code) => this.#finish({ how: 'failed', error: plainError(exit(spec, code)) }));
  }

  /** Resolves once, when nothing of the thread runs any more. */
  get ended(): Promise<TaskEnd> {
    return this.#end.promise;
  }

  pause(): void {
    this.#post({ type: 'pause' });
  }

  resume(): void {
    this.#post({ type: 'resume' });
  }

  /** Asks the task to drain and close; ends its thread when that takes longer than the deadline (promise 6). */
  async stop(deadlineMs: number): Promise<TaskEnd> {
    this.#post({ type: 'stop' });
    const timer = this.#options.clock.timer(deadlineMs, () => {
      const error = workerErrors.error('stop-deadline', {
        message: `the task did not stop within ${deadlineMs} ms`,
        where: nameOf(this.#options.spec),
      });
      this.#finish({ how: 'failed', error: plainError(error) });
    });
    try {
      return await this.ended;
    } finally {
      timer.cancel();
    }
  }

  /** Ends the task at once: what it needs outside its thread is gone. */
  fail(error: PlainError): void {
    this.#finish({ how: 'failed', error });
  }

  /** Stored for the connector since the start. */
  signalled(signals: readonly SourcePosition[]): void {
    this.#post({ type: 'signals', signals });
  }

  assigned(partitions: readonly AssignedPartition[]): void {
    this.#post({ type: 'assigned', partitions });
  }

  /** Resolves when the task lets go of the partitions, or has ended. */
  revoked(partitions: readonly TopicPartition[], lost: boolean): Promise<void> {
    return this.#ask((id) => ({ type: 'revoked', id, partitions, lost }));
  }

  /** Resolves when the task has put and drained everything below `ends`, or has ended. */
  drainTo(ends: readonly SinkPosition[]): Promise<void> {
    return this.#ask((id) => ({ type: 'drainTo', id, ends }));
  }

  #ask(message: (id: number) => ToThread): Promise<void> {
    if (this.#hasEnded) return Promise.resolve();
    const id = this.#nextId++;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#waiting.set(id, resolve);
    this.#post(message(id));
    return promise;
  }

  #post(message: ToThread): void {
    if (!this.#hasEnded) this.#thread.postMessage(message);
  }

  #onMessage(message: FromThread): void {
    if (this.#hasEnded) return;
    const { onRunning, onCommit, onGauges, onActiveTopic, logger } = this.#options;
    switch (message.type) {
      case 'running':
        onRunning();
        break;
      case 'stopped':
      case 'finished':
        this.#finish({ how: message.type });
        break;
      case 'failed':
        this.#finish({ how: 'failed', error: message.error });
        break;
      case 'commit':
        onCommit(message.positions);
        break;
      case 'done':
        this.#answered(message.id);
        break;
      case 'gauges':
        onGauges(message.totals, message.values);
        break;
      case 'activeTopic':
        onActiveTopic(message.topic);
        break;
      case 'log':
        logger[message.level](message.fields, message.message);
        break;
      case 'ensureTopic':
        this.#ensureTopic(message.id, message.topic, message.purpose);
    }
  }

  #ensureTopic(id: number, topic: string, purpose: 'records' | 'dead letters'): void {
    this.#options.ensureTopic(topic, purpose).then(
      (facts) => this.#post({ type: 'topicReady', id, topic: facts }),
      (error) => this.#post({ type: 'topicFailed', id, error: plainError(error) }),
    );
  }

  #answered(id: number): void {
    this.#waiting.get(id)?.();
    this.#waiting.delete(id);
  }

  /** The first end counts; the thread is gone before anybody hears of it. */
  #finish(end: TaskEnd): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    const settle = () => {
      for (const resolve of this.#waiting.values()) resolve();
      this.#waiting.clear();
      this.#end.resolve(end);
    };
    this.#thread.terminate().then(settle, settle);
  }
}

/** The thread's end of a new door to the broker of this process. */
function openDoor(accept: TaskHostOptions['acceptThread']): MessagePort | undefined {
  if (accept === undefined) return undefined;
  const { port1, port2 } = new MessageChannel();
  accept(port1);
  return port2;
}

function crash(spec: TaskSpec, cause: Error & { code?: string }): Error {
  const where = nameOf(spec);
  if (cause.code === 'ERR_WORKER_OUT_OF_MEMORY') {
    return workerErrors.error('thread-out-of-memory', {
      message: 'the task used more memory than it may',
      where,
      cause,
    });
  }
  return workerErrors.error('thread-crashed', { message: `the task crashed: ${cause.message}`, where, cause });
}

function exit(spec: TaskSpec, code: number): Error {
  return workerErrors.error('thread-crashed', { message: `the thread exited with code ${code}`, where: nameOf(spec) });
}

function nameOf(spec: TaskSpec): string {
  return `${spec.connector}-${spec.taskIndex}`;
}
