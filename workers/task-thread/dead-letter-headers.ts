/** Kafka Connect's context headers of a dead letter: where the record came from and why it could not be delivered. Pure. */

import type { RecordHeader } from '../../connectors/contract/record.ts';
import { MillraceError, messageOf } from '../../core/base/errors.ts';

type ErrorStage = 'TASK_PUT' | 'TASK_POLL' | 'KAFKA_PRODUCE';

export interface DeadLetterContext {
  readonly connector: string;
  readonly taskIndex: number;
  readonly stage: ErrorStage;
  /** The class that found the record bad, in our case the connector's name. */
  readonly className: string;
  readonly topic: string;
  readonly partition: number;
  /** -1 for a record that never reached a topic. */
  readonly offset: number;
  readonly reason: unknown;
}

const prefix = '__connect.errors.';
const longestStackChars = 4_000;

export function contextHeaders(context: DeadLetterContext): RecordHeader[] {
  const { reason } = context;
  const name = reason instanceof MillraceError ? reason.code : reason instanceof Error ? reason.name : typeof reason;
  const stack = reason instanceof Error ? (reason.stack ?? '') : '';
  return [
    header('topic', context.topic),
    header('partition', String(context.partition)),
    header('offset', String(context.offset)),
    header('connector.name', context.connector),
    header('task.id', String(context.taskIndex)),
    header('stage', context.stage),
    header('class.name', context.className),
    header('exception.class.name', name),
    header('exception.message', messageOf(reason)),
    header('exception.stacktrace', stack.slice(0, longestStackChars)),
  ];
}

function header(name: string, value: string): RecordHeader {
  return { key: `${prefix}${name}`, value: Buffer.from(value, 'utf8') };
}
