/** What kafkajs says and throws reaches users in our terms. */

import kafkajs, { type KafkaConfig } from 'kafkajs';
import { describe, expect, test } from 'vitest';
import { MillraceError } from '../../../core/base/errors.ts';
import type { Logger } from '../../../core/base/logger.ts';
import { createKafkajs, kafkajsError } from '../../../core/client/kafkajs-client.ts';

function recordingLogger(said: string[]): Logger {
  const at = (level: string) => (fields: Readonly<Record<string, unknown>>, message: string) =>
    void said.push(`${level} ${message} ${JSON.stringify(fields)}`);
  const logger: Logger = {
    debug: at('debug'),
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
    child: () => logger,
  };
  return logger;
}

const settings: Omit<KafkaConfig, 'brokers'> & {
  bootstrapServers: string[];
  connectTimeoutMs: number;
  requestTimeoutMs: number;
} = {
  bootstrapServers: ['127.0.0.1:1'],
  connectTimeoutMs: 1000,
  requestTimeoutMs: 1000,
};

describe('kafkajs', () => {
  test('logs into our logger, for debugging only', () => {
    const said: string[] = [];
    const logger = createKafkajs({ ...settings, clientId: 'c', logger: recordingLogger(said) }).logger();
    logger.namespace('Consumer').error('it crashed', { groupId: 'g' });
    logger.namespace('Connection').error('Response Heartbeat', {});
    logger.info('hello', {});
    expect(said.map((line) => line.split(' {')[0])).toEqual([
      'debug it crashed',
      'debug Response Heartbeat',
      'debug hello',
    ]);
    expect(said[0]).toContain('"groupId":"g"');
  });

  test('has its timer warning turned into a debug line, and no other warning', async () => {
    const said: string[] = [];
    createKafkajs({ ...settings, clientId: 'c', logger: recordingLogger(said) });
    const warnings: string[] = [];
    const onWarning = (warning: Error) => void warnings.push(warning.name);
    process.on('warning', onWarning);
    process.emitWarning('-1 is a negative number', 'TimeoutNegativeWarning');
    process.emitWarning('something else', 'MillraceTestWarning');
    await new Promise((resolve) => setImmediate(resolve));
    process.off('warning', onWarning);
    expect(warnings).toEqual(['MillraceTestWarning']);
  });

  test('has its errors named by what lies under them', () => {
    const protocol = new kafkajs.KafkaJSProtocolError({
      message: 'no',
      type: 'TOPIC_AUTHORIZATION_FAILED',
      code: 29,
    } as unknown as Error);
    Object.assign(protocol, { type: 'TOPIC_AUTHORIZATION_FAILED', retriable: false });
    const wrapped = new kafkajs.KafkaJSNumberOfRetriesExceeded(protocol, { retryCount: 3, retryTime: 100 });
    Object.assign(wrapped, { cause: protocol });
    expect(kafkajsError(wrapped, 'creating a topic', 't')).toMatchObject({
      code: 'client/coordination',
      message: 'creating a topic failed: TOPIC_AUTHORIZATION_FAILED',
      where: 't',
      retriable: false,
    });
    const connection = new kafkajs.KafkaJSConnectionError('refused', { broker: 'b:1' });
    expect(kafkajsError(connection, 'listing topics')).toMatchObject({ code: 'client/unreachable', retriable: true });
    const ours = kafkajsError(new Error('odd'), 'x');
    expect(ours).toBeInstanceOf(MillraceError);
    expect(kafkajsError(ours, 'y')).toBe(ours);
    expect(kafkajsError('text', 'x').message).toBe('x failed: text');
  });
});
