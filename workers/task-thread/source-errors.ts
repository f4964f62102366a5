/** Records a source appended that cannot be written: dead-lettered, skipped or fatal, as the tolerance says. */

import type { SourceRecord } from '../../connectors/contract/record.ts';
import type { Logger } from '../../core/base/logger.ts';
import { BatchBuilder } from '../../core/protocol/batch-builder.ts';
import { workerErrors } from '../error-codes.ts';
import { type ErrorPolicy, judgeBadRecord } from '../tolerance.ts';
import { contextHeaders } from './dead-letter-headers.ts';
import type { TopicBatch } from './delivery.ts';
import type { TaskGauges } from './task-gauges.ts';

export interface SourceErrorsOptions {
  readonly connector: string;
  readonly taskIndex: number;
  readonly connectorName: string;
  readonly policy: ErrorPolicy;
  readonly gauges: TaskGauges;
  readonly logger: Logger;
}

export class SourceErrors {
  readonly #options: SourceErrorsOptions;
  #deadLetters: TopicBatch[] = [];
  #failure: unknown;

  constructor(options: SourceErrorsOptions) {
    this.#options = options;
  }

  /** True when something of this poll was dead-lettered or failed. */
  get pending(): boolean {
    return this.#deadLetters.length > 0 || this.#failure !== undefined;
  }

  /** A record its topic does not take. The verdict counts when the poll is made durable; of several failures the first. */
  oversized(topic: string, record: SourceRecord, sizeBytes: number, mostBytes: number): void {
    const { policy, gauges, logger } = this.#options;
    const verdict = judgeBadRecord(policy);
    const reason = workerErrors.error('record-too-large', {
      message: `a record of ${sizeBytes} bytes is larger than the ${mostBytes} bytes the topic takes`,
      where: topic,
    });
    if (verdict.deadLetter) this.#deadLetters.push(this.#deadLetter(topic, record, reason));
    if (verdict.failTask) this.#failure ??= reason;
    gauges.add(`records_${verdict.countAs}_total`, 1);
    if (verdict.log) logger.warn({ topic, sizeBytes, mostBytes, fate: verdict.countAs }, 'a record is too large');
  }

  take(): { deadLetters: readonly TopicBatch[]; failure: unknown } {
    const taken = { deadLetters: this.#deadLetters, failure: this.#failure };
    this.discard();
    return taken;
  }

  discard(): void {
    this.#deadLetters = [];
    this.#failure = undefined;
  }

  #deadLetter(topic: string, record: SourceRecord, reason: Error): TopicBatch {
    const { connector, taskIndex, connectorName, policy } = this.#options;
    const place = { stage: 'KAFKA_PRODUCE', topic, partition: -1, offset: -1 } as const;
    const context = { connector, taskIndex, className: connectorName, reason, ...place };
    const headers = [...(record.headers ?? []), ...(policy.contextHeaders ? contextHeaders(context) : [])];
    const builder = new BatchBuilder();
    builder.appendRecord({ ...record, headers });
    return { topic: policy.deadLetterTopic ?? '', partition: 0, batch: builder.build({}) };
  }
}
