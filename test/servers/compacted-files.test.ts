/** Kafka's dump tool on a compacted partition with transactions: markers that have a date to go, and files from which others are gone. */

import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { systemClock } from '../../core/base/clock.ts';
import { silentLogger } from '../../core/base/logger.ts';
import { nodeDisk } from '../../core/base/node-disk.ts';
import { openLogs } from '../../core/log/log-manager.ts';
import type { PartitionLog } from '../../core/log/partition-log.ts';
import { batchOf, testConfig } from '../core/log/fixtures.ts';
import { temporaryFolder } from './child.ts';
import { runKafkaTool } from './kafka-server.ts';

const settings = { isCompacted: true, isDeleted: false, segmentBytes: 2000, minCleanableDirtyRatio: 0.01 };

let sequence = 0;

async function write(log: PartitionLog, count: number) {
  for (let n = 0; n < count; n += 1) {
    const producer = { producerId: 7, producerEpoch: 0, baseSequence: sequence };
    sequence += 1;
    const batch = batchOf([{ key: 'k', value: `${n}${'.'.repeat(100)}` }], { producer, isTransactional: true });
    await log.append(batch, { acks: -1, origin: 'transaction' });
    await log.appendMarker({ producerId: 7, producerEpoch: 0, isCommit: n % 3 !== 0, coordinatorEpoch: 1 });
  }
}

async function until(isTrue: () => boolean): Promise<void> {
  while (!isTrue()) await systemClock.sleep(5);
}

test.each([
  ['have a date', 3_600_000, (dump: string) => expect(dump).toMatch(/deleteHorizonMs: OptionalLong\[\d+\]/)],
  ['are gone', 0, (dump: string) => expect(dump.match(/endTxnMarker/g)!.length).toBeLessThan(100)],
])('the markers that %s', async (_, deleteRetentionMs, check) => {
  const folder = await temporaryFolder('compacted');
  sequence = 0;
  const logs = await openLogs({
    ...{ disk: nodeDisk, clock: systemClock, logger: silentLogger, dataDir: folder.path, durability: 'default' },
    compactionIntervalMs: 20,
  });
  try {
    const config = testConfig({ ...settings, deleteRetentionMs });
    const log = await logs.createPartition({ topic: 't', partition: 0, topicId: 'id', config });
    for (let round = 0; round < 5; round += 1) {
      await write(log, 30);
      const before = log.sizeBytes;
      await until(() => log.sizeBytes < before);
    }
    await logs.close();
    const names = (await readdir(join(folder.path, 't-0'))).filter((name) => name.endsWith('.log'));
    const files = names.map((name) => join(folder.path, 't-0', name)).join(',');
    const dump = await runKafkaTool('dump-log', ['--files', files, '--deep-iteration', '--print-data-log']);
    expect(dump).not.toContain('isvalid: false');
    expect(dump).toContain('endTxnMarker: COMMIT');
    check(dump);
  } finally {
    await logs.close();
    await folder.remove();
  }
});
