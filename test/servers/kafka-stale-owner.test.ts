/** A stale owner on Apache Kafka: refused by its epoch and its generation, and at the store. */

import { join } from 'node:path';
import { expect, test } from 'vitest';
import { runStaleOwner } from '../crash/stale-owner.ts';
import { readTopicAt } from '../crash/topic.ts';
import { startKafka } from './kafka-server.ts';

const seed = Number(process.env['MILLRACE_SEED'] ?? Date.now() % 1_000_000);

test.each(['s3', 'local'] as const)(`a stale owner is refused, into %s, seed ${seed}`, async (store) => {
  const report = await runStaleOwner({
    store,
    seed,
    stoppedMs: 5_000,
    brokers: async (folder) => {
      const kafka = await startKafka(join(folder, 'kafka'));
      return {
        upArgs: async () => ['--bootstrap-servers', kafka.bootstrapServers.join(',')],
        kill: undefined,
        readTopic: (topic, onValue) => readTopicAt(kafka.bootstrapServers, topic, onValue),
        close: () => kafka.close(),
      };
    },
  });
  const exact = { missing: 0, duplicates: 0, outOfOrder: 0, corrupt: 0, examples: [] };
  expect(report).toMatchObject({ topic: exact, target: exact, targetEqualsTopic: true });
});
