/** Records a sink cannot write: dead-lettered, skipped or fatal as the tolerance says; commits wait for them (promises 2 and 9). */

import type { SinkRecords, SourceRecord } from '../../connectors/contract/record.ts';
import type { SinkPosition } from '../../connectors/contract/sink.ts';
import { messageOf } from '../../core/base/errors.ts';
import type { Logger } from '../../core/base/logger.ts';
import { workerErrors } from '../error-codes.ts';
import { type ErrorPolicy, judgeBadRecord } from '../tolerance.ts';
import type { CommitTracker } from './commit-tracker.ts';
import { contextHeaders } from './dead-letter-headers.ts';
import type { DeadLetters } from './dead-letter-port.ts';
import type { TaskGauges } from './task-gauges.ts';

export interface SinkErrorsOptions {
  readonly connector: string;
  readonly taskIndex: number;
  readonly connectorName: string;
  readonly policy: ErrorPolicy;
  /** Undefined when no dead letter topic is set. */
  readonly deadLetters: Pick<DeadLetters, 'write'> | undefined;
  readonly tracker: CommitTracker;
  readonly gauges: TaskGauges;
  readonly logger: Logger;
  readonly commit: (positions: readonly SinkPosition[]) => void;
  readonly fail: (error: unknown) => void;
}

export class SinkErrors {
  readonly #options: SinkErrorsOptions;

  constructor(options: SinkErrorsOptions) {
    this.#options = options;
  }

  /** The contract's `badRecord`. Under tolerance `none` the task fails even if the sink swallows the rejection. */
  async badRecord(records: SinkRecords, reason: Error): Promise<void> {
    const { policy, deadLetters, tracker, gauges, logger, commit, fail } = this.#options;
    const { topic, partition, offset } = records;
    const place = { topic, partition, offset };
    const verdict = judgeBadRecord(policy);
    tracker.badRecord(place);
    if (verdict.log) logger.warn({ ...place, reason: messageOf(reason), fate: verdict.countAs }, 'a bad record');
    try {
      await deadLetters?.write({ topic, partition }, offset, this.#copyOf(records, reason));
    } catch (error) {
      fail(error);
      throw error;
    }
    gauges.add(`records_${verdict.countAs}_total`, 1);
    if (verdict.failTask) {
      const where = `${topic}-${partition}@${offset}`;
      const failure = workerErrors.error('bad-record', { message: messageOf(reason), where, cause: reason });
      fail(failure);
      throw failure;
    }
    commit(tracker.resolved(place));
  }

  #copyOf(records: SinkRecords, reason: Error): SourceRecord {
    const { connector, taskIndex, connectorName, policy } = this.#options;
    const { bytes, keyStart, keyEnd, valueStart, valueEnd, timestampMs, topic, partition, offset } = records;
    const place = { topic, partition, offset, stage: 'TASK_PUT' } as const;
    const context = { connector, taskIndex, className: connectorName, reason, ...place };
    return {
      key: keyStart < 0 ? null : bytes.subarray(keyStart, keyEnd),
      value: valueStart < 0 ? null : bytes.subarray(valueStart, valueEnd),
      headers: policy.contextHeaders ? [...records.headers(), ...contextHeaders(context)] : records.headers(),
      timestampMs,
    };
  }
}
