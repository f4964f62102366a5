/** Batches, logs and readers for the tests of core/log. */

import { silentLogger } from '../../../core/base/logger.ts';
import { defaultLogConfig, type LogConfig } from '../../../core/log/log-config.ts';
import { type Logs, openLogs } from '../../../core/log/log-manager.ts';
import type { LogsOptions } from '../../../core/log/logs-options.ts';
import type { AppendResult, PartitionLog } from '../../../core/log/partition-log.ts';
import { BatchBuilder, type BuildOptions } from '../../../core/protocol/batch-builder.ts';
import {
  batchBaseOffset,
  batchCrc,
  batchLastOffset,
  batchSizeBytes,
  computeBatchCrc,
} from '../../../core/protocol/batch-header.ts';
import { walkBatches } from '../../../core/protocol/batch-validate.ts';
import { protocolErrors } from '../../../core/protocol/error-codes.ts';
import { RecordCursor } from '../../../core/protocol/record-cursor.ts';
import { FakeClock } from '../../fakes/fake-clock.ts';
import { FakeDisk } from '../../fakes/fake-disk.ts';

export interface TestRecord {
  readonly key?: string | null;
  readonly value?: string | null;
  readonly timestampMs?: number;
}

const timestampMs = Date.UTC(2026, 0, 1);

const bytesOf = (text: string | null | undefined) => (text == null ? null : Buffer.from(text));

/** A batch as a client would send it; strings are values without a key. */
export function batchOf(records: readonly (TestRecord | string)[], options: BuildOptions = {}): Buffer {
  const builder = new BatchBuilder();
  for (const record of records) {
    const { key, value, timestampMs: time } = typeof record === 'string' ? { value: record } : (record as TestRecord);
    builder.appendRecord({ key: bytesOf(key), value: bytesOf(value), timestampMs: time ?? timestampMs });
  }
  return builder.build(options);
}

export interface SeenRecord {
  readonly offset: number;
  readonly key: string | null;
  readonly value: string | null;
  readonly timestampMs: number;
}

/** The records of whole batches. */
export function recordsOf(batches: Buffer, fromOffset = 0): SeenRecord[] {
  const cursor = new RecordCursor();
  const seen: SeenRecord[] = [];
  const text = (start: number, end: number) => (start < 0 ? null : cursor.bytes.toString('utf8', start, end));
  cursor.reset(batches, fromOffset);
  while (cursor.next()) {
    seen.push({
      offset: cursor.offset,
      key: text(cursor.keyStart, cursor.keyEnd),
      value: text(cursor.valueStart, cursor.valueEnd),
      timestampMs: cursor.timestampMs,
    });
  }
  return seen;
}

/** Reads like a consumer, from the log start to the high watermark. */
export async function readAll(log: PartitionLog, maxBytes = 4096): Promise<SeenRecord[]> {
  const seen: SeenRecord[] = [];
  let offset = log.logStartOffset;
  while (offset < log.highWatermark) {
    const batches = await log.read(offset, { maxBytes, minOneBatch: true });
    if (batches.length === 0) break;
    for (const at of walkBatches(batches)) {
      // As a careful client does, also for batches it shows nothing of.
      const message = `checksum of the batch at offset ${batchBaseOffset(batches, at)}`;
      if (computeBatchCrc(batches, at) !== batchCrc(batches, at))
        throw protocolErrors.error('corrupt-batch', { message });
    }
    seen.push(...recordsOf(batches, offset));
    offset = nextOffsetOf(batches);
  }
  return seen;
}

export function nextOffsetOf(batches: Buffer): number {
  let next = batchBaseOffset(batches, 0);
  for (let at = 0; at < batches.length; at += batchSizeBytes(batches, at)) next = batchLastOffset(batches, at) + 1;
  return next;
}

export const dataDir = '/data';

export const testConfig = (config: Partial<LogConfig> = {}): LogConfig => ({ ...defaultLogConfig, ...config });

/** One fake machine with one partition `t-0`, to be crashed and started again. */
export class TestMachine {
  readonly disk = new FakeDisk();
  readonly clock = new FakeClock(timestampMs);
  readonly #options: Partial<LogsOptions>;
  readonly #config: LogConfig;
  logs!: Logs;
  log!: PartitionLog;

  constructor({ config, ...options }: Partial<LogsOptions> & { config?: Partial<LogConfig> } = {}) {
    this.#options = options;
    this.#config = testConfig(config);
  }

  async start(): Promise<PartitionLog> {
    this.logs = await openLogs({
      disk: this.disk,
      clock: this.clock,
      logger: silentLogger,
      dataDir,
      durability: 'default',
      ...this.#options,
    });
    this.log = await this.logs.createPartition({ topic: 't', partition: 0, topicId: 'id', config: this.#config });
    return this.log;
  }

  async restart(): Promise<PartitionLog> {
    await this.logs.close();
    return this.start();
  }

  append(records: readonly (TestRecord | string)[], options: BuildOptions = {}): Promise<AppendResult> {
    return this.log.append(batchOf(records, options), { acks: -1, origin: 'client' });
  }

  /** Lets everything that can happen without time passing happen. */
  settle(): Promise<void> {
    return new Promise((resolve) => setImmediate(resolve));
  }

  /** Names in the partition's folder. */
  files(): string[] {
    return this.disk
      .files()
      .filter((file) => file.startsWith(`${dataDir}/t-0/`))
      .map((file) => file.slice(`${dataDir}/t-0/`.length));
  }

  path(name: string): string {
    return `${dataDir}/t-0/${name}`;
  }
}
