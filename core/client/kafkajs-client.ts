/** Makes kafkajs clients that log into our logger, retry sanely, and whose failures read like ours. */

import kafkajs, { type Kafka, type LogEntry } from 'kafkajs';
import { MillraceError } from '../base/errors.ts';
import type { Logger } from '../base/logger.ts';
import { clientErrors } from './error-codes.ts';

const { Kafka: KafkaClient, logLevel } = kafkajs;

export interface KafkajsOptions {
  readonly bootstrapServers: readonly string[];
  readonly clientId: string;
  readonly logger: Logger;
  readonly connectTimeoutMs: number;
  readonly requestTimeoutMs: number;
}

/** About 15 seconds in all; whoever waits longer does so with its own bound and says so. */
const retry = { initialRetryTime: 100, maxRetryTime: 3_000, multiplier: 2, factor: 0.2, retries: 8 };

export function createKafkajs(options: KafkajsOptions): Kafka {
  muteTimerWarning(options.logger);
  return new KafkaClient({
    brokers: [...options.bootstrapServers],
    clientId: options.clientId,
    connectionTimeout: options.connectTimeoutMs,
    requestTimeout: options.requestTimeoutMs,
    enforceRequestTimeout: true,
    retry: { ...retry, restartOnFailure: () => Promise.resolve(false) },
    logLevel: logLevel.INFO,
    logCreator: () => (entry) => log(options.logger, entry),
  });
}

/**
 * All of it is for debugging: kafkajs calls every answer with an error code an error, also those that are part of the
 * protocol, and every attempt it repeats. What it cannot cure it throws, and whoever called says so.
 */
function log(
  logger: Logger,
  { namespace, log: { message, timestamp: _, logger: __, stack: ___, ...fields } }: LogEntry,
): void {
  logger.debug({ kafkajs: namespace, ...fields }, message);
}

let isTimerWarningMuted = false;

/**
 * kafkajs 2.2 sets a timer to a negative delay for almost every request, on which Node prints a warning for the user.
 * Nothing is wrong with the delay (it fires at once), and kafkajs has no switch for it.
 */
function muteTimerWarning(logger: Logger): void {
  if (isTimerWarningMuted) return;
  isTimerWarningMuted = true;
  const emitWarning = process.emitWarning.bind(process) as (...args: unknown[]) => void;
  process.emitWarning = (warning: string | Error, ...rest: unknown[]) => {
    const name = warning instanceof Error ? warning.name : rest[0];
    if (name === 'TimeoutNegativeWarning') logger.debug({ warning: String(warning) }, 'a timer got a negative delay');
    else emitWarning(warning, ...rest);
  };
}

interface KafkajsFailure {
  readonly name?: string;
  readonly type?: string;
  readonly message?: string;
  readonly retriable?: boolean;
  readonly cause?: unknown;
  readonly originalError?: unknown;
  /** Of an aggregate: one for each topic. */
  readonly errors?: readonly unknown[];
}

/** The innermost failure, which says what really happened. */
export function rootOf(error: unknown): KafkajsFailure {
  const failure = (error ?? {}) as KafkajsFailure;
  const inner = failure.errors?.[0] ?? failure.cause ?? failure.originalError;
  return inner === undefined || inner === error ? failure : rootOf(inner);
}

/** What kafkajs threw, as an error of ours: `client/unreachable` or `client/coordination`. */
export function kafkajsError(error: unknown, what: string, where?: string): MillraceError {
  if (error instanceof MillraceError) return error;
  const root = rootOf(error);
  const reason = root.type ?? root.message ?? String(error);
  const details = { message: `${what} failed: ${reason}`, where, cause: error };
  const isConnection = /^KafkaJS(Connection|NoBroker|BrokerNotFound|RequestTimeout)/.test(root.name ?? '');
  if (isConnection) return clientErrors.error('unreachable', details);
  return clientErrors.error('coordination', { ...details, retriable: root.retriable === true });
}
