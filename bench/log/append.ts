/** What the log costs by itself: appends of 1 MB batches of 234-byte records with fsync, and reads from files, per CPU-second. */

import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { systemClock } from '../../core/base/clock.ts';
import type { Disk, DiskFile } from '../../core/base/disk.ts';
import { silentLogger } from '../../core/base/logger.ts';
import { nodeDisk } from '../../core/base/node-disk.ts';
import { defaultLogConfig } from '../../core/log/log-config.ts';
import { openLogs } from '../../core/log/log-manager.ts';
import type { PartitionLog } from '../../core/log/partition-log.ts';
import { BatchBuilder } from '../../core/protocol/batch-builder.ts';
import { batchLastOffset, batchSizeBytes } from '../../core/protocol/batch-header.ts';

const recordBytes = 234;
const totalBytes = Number(process.argv[2] ?? 1024) * 1024 * 1024;
/** As many as an idempotent producer has under way. */
const inFlight = 5;

/** A disk that takes everything and writes nothing: what is left is our own cost. */
function withoutKernel(disk: Disk): Disk {
  const dry = (file: DiskFile): DiskFile => ({
    path: file.path,
    read: (into, position) => file.read(into, position),
    write: async () => {},
    sync: async () => {},
    truncate: async () => {},
    size: () => file.size(),
    close: () => file.close(),
  });
  return { ...disk, open: async (name, mode) => dry(await disk.open(name, mode)) };
}

function template(batchBytes: number): Buffer {
  const line = Buffer.from(`${'192.0.2.1 - - "GET /index.html HTTP/1.1" 200 '.repeat(8)}`.slice(0, recordBytes));
  const builder = new BatchBuilder({ initialBytes: batchBytes });
  while (builder.sizeBytes + recordBytes + 20 < batchBytes) builder.append(line, 0, line.length, Date.now());
  return builder.build();
}

interface Measured {
  readonly megabytes: number;
  readonly seconds: number;
  readonly cpuSeconds: number;
}

async function measure(work: () => Promise<number>): Promise<Measured> {
  const startMs = performance.now();
  const before = process.cpuUsage();
  const bytes = await work();
  const used = process.cpuUsage(before);
  return {
    megabytes: bytes / 1e6,
    seconds: (performance.now() - startMs) / 1000,
    cpuSeconds: (used.user + used.system) / 1e6,
  };
}

async function appendAll(log: PartitionLog, source: Buffer): Promise<number> {
  let sent = 0;
  const sender = async () => {
    // The log keeps no batch when its cache is off, so one buffer per sender serves again and again.
    const batch = Buffer.from(source);
    while (sent < totalBytes) {
      sent += batch.length;
      const result = await log.append(batch, { acks: -1, origin: 'client' });
      if (result.errorCode !== 0) throw new Error(result.errorMessage);
    }
  };
  await Promise.all(Array.from({ length: inFlight }, sender));
  return sent;
}

async function readAll(log: PartitionLog): Promise<number> {
  let bytes = 0;
  for (let offset = log.logStartOffset; offset < log.highWatermark; ) {
    const batches = await log.read(offset, { maxBytes: 1024 * 1024, minOneBatch: true });
    for (let at = 0; at < batches.length; at += batchSizeBytes(batches, at)) offset = batchLastOffset(batches, at) + 1;
    bytes += batches.length;
  }
  return bytes;
}

function report(what: string, { megabytes, seconds, cpuSeconds }: Measured): void {
  const rate = (per: number) => `${Math.round(megabytes / per)}`.padStart(6);
  console.log(`${what.padEnd(44)} ${rate(seconds)} MB/s  ${rate(cpuSeconds)} MB per CPU-second`);
}

async function run(name: string, { disk, batchBytes, reads }: { disk: Disk; batchBytes: number; reads: boolean }) {
  const dataDir = fs.mkdtempSync(path.join(os.tmpdir(), 'millrace-bench-'));
  const options = {
    disk,
    clock: systemClock,
    logger: silentLogger,
    dataDir,
    durability: 'default' as const,
    tailCacheBytes: 0,
  };
  try {
    const logs = await openLogs(options);
    const config = { ...defaultLogConfig, maxMessageBytes: 2 * 1024 * 1024 };
    const log = await logs.createPartition({ topic: 'bench', partition: 0, topicId: 'bench', config });
    const source = template(batchBytes);
    report(`append, ${name}`, await measure(() => appendAll(log, source)));
    if (reads) report(`read from files, ${name}`, await measure(() => readAll(log)));
    await logs.close();
  } finally {
    fs.rmSync(dataDir, { recursive: true });
  }
}

for (const batchBytes of [1024 * 1024, 16 * 1024]) {
  const size = `${batchBytes / 1024} KiB batches`;
  await run(`${size}, fdatasync`, { disk: nodeDisk, batchBytes, reads: true });
  await run(`${size}, without the kernel`, { disk: withoutKernel(nodeDisk), batchBytes, reads: false });
}
