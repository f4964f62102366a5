/** The thread's end of the line to the main thread: messages out, topics asked for, log lines, numbers. */

import type { MessagePort } from 'node:worker_threads';
import type { Clock } from '../../core/base/clock.ts';
import type { Logger } from '../../core/base/logger.ts';
import { workerErrors } from '../error-codes.ts';
import type { TopicFacts } from '../topics.ts';
import type { FromThread, ToThread } from './messages.ts';
import type { TaskGauges } from './task-gauges.ts';

/** How often changed numbers are sent. */
const gaugesEveryMs = 250;

export class HostLink {
  readonly #port: MessagePort;
  readonly #asked = new Map<number, PromiseWithResolvers<TopicFacts>>();
  #nextId = 1;

  constructor(port: MessagePort) {
    this.#port = port;
  }

  /** Calls `handle` for every message but the answers to `ensureTopic`. */
  listen(handle: (message: ToThread) => void): void {
    this.#port.on('message', (message: ToThread) => {
      if (message.type === 'topicReady') this.#answered(message.id)?.resolve(message.topic);
      else if (message.type === 'topicFailed') this.#answered(message.id)?.reject(failedTopic(message.error));
      else handle(message);
    });
  }

  post(message: FromThread): void {
    this.#port.postMessage(message);
  }

  /** The topic is there once this resolves. */
  ensureTopic(topic: string, purpose: 'records' | 'dead letters'): Promise<TopicFacts> {
    const id = this.#nextId++;
    const asked = Promise.withResolvers<TopicFacts>();
    this.#asked.set(id, asked);
    this.post({ type: 'ensureTopic', id, topic, purpose });
    return asked.promise;
  }

  /** Sends the numbers now and then; what it answers sends them at once. */
  report(gauges: TaskGauges, clock: Clock): () => void {
    const flush = () => {
      const changed = gauges.takeChanged();
      if (changed !== undefined) this.post({ type: 'gauges', ...changed });
    };
    const tick = () => {
      flush();
      clock.timer(gaugesEveryMs, tick);
    };
    clock.timer(gaugesEveryMs, tick);
    return flush;
  }

  logger(bound: Readonly<Record<string, unknown>> = {}): Logger {
    const write = (level: 'debug' | 'info' | 'warn' | 'error') => (fields: object, message: string) =>
      this.post({ type: 'log', level, fields: sendable({ ...bound, ...fields }), message });
    return {
      debug: write('debug'),
      info: write('info'),
      warn: write('warn'),
      error: write('error'),
      child: (fields) => this.logger({ ...bound, ...fields }),
    };
  }

  #answered(id: number): PromiseWithResolvers<TopicFacts> | undefined {
    const asked = this.#asked.get(id);
    this.#asked.delete(id);
    return asked;
  }
}

function failedTopic(error: { message: string; retriable: boolean; where: string | undefined }): Error {
  const { message, where, retriable } = error;
  return workerErrors.error('topic-unavailable', { message, where, retriable });
}

/** Log fields may hold anything; what cannot cross threads goes as text. */
function sendable(fields: Record<string, unknown>): Record<string, unknown> {
  for (const [name, value] of Object.entries(fields)) {
    if (value !== null && (typeof value === 'object' || typeof value === 'function')) {
      fields[name] = value instanceof Error ? (value.stack ?? value.message) : JSON.stringify(value);
    }
  }
  return fields;
}
