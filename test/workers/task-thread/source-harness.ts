/** A source runner over a scripted task and a producer that can be held up and can fail. */

import type { SourceOutput, SourcePosition, SourceTask } from '../../../connectors/contract/source.ts';
import type { Clock } from '../../../core/base/clock.ts';
import { defineErrors } from '../../../core/base/errors.ts';
import { silentLogger } from '../../../core/base/logger.ts';
import { RecordCursor } from '../../../core/protocol/record-cursor.ts';
import { BatchOutput } from '../../../workers/task-thread/batch-output.ts';
import { atLeastOnceDelivery, exactlyOnceDelivery, type TopicBatch } from '../../../workers/task-thread/delivery.ts';
import { Gate } from '../../../workers/task-thread/gate.ts';
import { retrying } from '../../../workers/task-thread/retrying.ts';
import { SourceErrors } from '../../../workers/task-thread/source-errors.ts';
import { SourcePositions } from '../../../workers/task-thread/source-positions.ts';
import { SourceRunner } from '../../../workers/task-thread/source-runner.ts';
import { TaskGauges } from '../../../workers/task-thread/task-gauges.ts';
import type { TransactionBoundary } from '../../../workers/task-thread/transaction-boundary.ts';
import type { ErrorPolicy } from '../../../workers/tolerance.ts';

export const testErrors = defineErrors('source-runner-test', {
  later: { meaning: 'It may work later.', fix: 'Wait.', retriable: true },
  fenced: { meaning: 'Somebody else owns it.', fix: 'Stop.', retriable: false },
});

export const later = () => testErrors.error('later', { message: 'not now' });

let monotonicMs = 0;

export function passTime(ms: number): void {
  monotonicMs += ms;
}

/** Time that passes at once; only what is waited for matters here. */
const impatientClock: Clock = {
  nowMs: () => 1_700_000_000_000,
  monotonicMs: () => monotonicMs,
  sleep: () => new Promise((resolve) => setImmediate(resolve)),
  timer: () => ({ cancel() {} }),
};

export type Step = (output: SourceOutput) => 'more' | 'finished' | Error;

/** Appends the numbers and their position. */
export const count = (from: number, to: number): Step => {
  return (output) => {
    for (let number = from; number < to; number++) {
      const value = Buffer.from(String(number));
      output.partition('numbers', 0).append(value, 0, value.length, 1);
      output.position({ task: 0 }, { count: number + 1 });
    }
    return 'more';
  };
};

export class SourceHarness {
  /** Everything that happened, in order. */
  readonly events: string[] = [];
  /** What readers of committed records see. */
  readonly topics = new Map<string, string[]>();
  readonly headers: (readonly string[])[] = [];
  readonly gate = new Gate();
  readonly gauges = new TaskGauges();
  readonly stored: SourcePosition[] = [];
  opens = 0;
  onOpen: (storedCount: number) => void = () => {};
  /** Called when readers see what was committed. */
  onCommit: () => void = () => {};
  /** Written in the transaction that is open. */
  #unseen: (() => void)[] = [];
  /** Answers of the producer, one for each send; none left means that it works. */
  readonly sends: (() => Promise<void>)[] = [];
  readonly commits: (() => Promise<void>)[] = [];
  readonly runner: SourceRunner;
  readonly #isTransactional: boolean;

  /** With a boundary everything goes in transactions. */
  constructor(steps: Step[], policy: Partial<ErrorPolicy> = {}, boundary?: TransactionBoundary) {
    const { events, gate, gauges } = this;
    this.#isTransactional = boundary !== undefined;
    const errors = new SourceErrors({
      connector: 'c',
      taskIndex: 0,
      connectorName: 'scripted',
      policy: { tolerance: 'none', deadLetterTopic: undefined, contextHeaders: true, logEnabled: false, ...policy },
      gauges,
      logger: silentLogger,
    });
    const positions = new SourcePositions({ connector: 'c', stored: [], offsetsTopic: 'offsets', partitionCount: 1 });
    const context = {
      connector: 'c',
      taskIndex: 0,
      settings: {},
      once: false,
      marksTransactions: boundary?.kind === 'connector',
      clock: impatientClock,
      logger: silentLogger,
      gauges,
    };
    const createTask = (): SourceTask => ({
      open: async ({ storedPositions }) => {
        this.opens += 1;
        events.push(`open ${JSON.stringify(storedPositions.map(({ offset }) => offset))}`);
        this.onOpen(Number(storedPositions[0]?.offset?.['count'] ?? 0));
      },
      poll: async (output) => {
        const step = steps.shift();
        if (step === undefined) return 'finished';
        events.push('poll');
        const outcome = step(output);
        if (outcome instanceof Error) throw outcome;
        return outcome;
      },
      committed: async (offsets) => {
        events.push(`committed ${JSON.stringify(offsets.map(({ offset }) => offset))}`);
        this.stored.push(...offsets);
      },
      close: async () => {
        events.push('close');
      },
    });
    const retry = (what: string, attempt: () => Promise<unknown>) =>
      retrying(attempt, { clock: impatientClock, logger: silentLogger, longestDelayMs: 10, what });
    this.runner = new SourceRunner({
      createTask,
      context,
      positions,
      output: new BatchOutput({
        producerSeals: false,
        pollBytes: 10_000,
        batchBytes: 1_000,
        compression: 'none',
        topicFacts: async () => ({ partitionCount: 1, maxBatchBytes: 1_500 }),
        onOversized: (...oversized) => errors.oversized(...oversized),
      }),
      errors,
      delivery:
        boundary === undefined
          ? atLeastOnceDelivery({
              producer: { send: (batches) => this.#send(batches) },
              encodePositions: (list) => positions.encode(list, 0),
              retry,
            })
          : exactlyOnceDelivery({
              producer: {
                send: (batches) => this.#send(batches),
                commit: () => this.#commit(),
                abort: async () => this.#abort(),
              },
              encodePositions: (list) => positions.encode(list, 0),
            }),
      boundary: boundary ?? { kind: 'each' },
      retry,
      gate,
      clock: impatientClock,
      logger: silentLogger,
      gauges,
      longestRetryDelayMs: 10,
      onRunning: () => events.push('running'),
    });
  }

  async #commit(): Promise<void> {
    this.events.push('commit');
    await this.commits.shift()?.();
    for (const show of this.#unseen.splice(0)) show();
    this.onCommit();
    this.events.push('committed transaction');
  }

  #abort(): void {
    this.events.push('abort');
    this.#unseen = [];
  }

  async #send(batches: readonly TopicBatch[]): Promise<void> {
    const name = batches[0]!.topic;
    this.events.push(`send ${name}`);
    await this.sends.shift()?.();
    const show = () => this.#show(batches);
    if (this.#isTransactional) this.#unseen.push(show);
    else show();
    this.events.push(`durable ${name}`);
  }

  #show(batches: readonly TopicBatch[]): void {
    for (const { topic, batch } of batches) {
      const cursor = new RecordCursor({ topic, partition: 0 });
      cursor.reset(batch);
      while (cursor.next()) {
        const values = this.topics.get(topic) ?? [];
        values.push(cursor.bytes.toString('utf8', cursor.valueStart, cursor.valueEnd));
        this.topics.set(topic, values);
        if (topic === 'dlq') this.headers.push(cursor.headers().map(({ key }) => key));
      }
    }
  }
}
