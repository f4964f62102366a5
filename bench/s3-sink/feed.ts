/** Feeds record batches to the S3 sink as fast as it takes them and prints what that cost: one run of `run.ts`, in a process of its own. */

import { parseArgs } from 'node:util';
import { connector } from '../../connectors/s3-sink/index.ts';
import { systemClock } from '../../core/base/clock.ts';
import { silentLogger } from '../../core/base/logger.ts';
import { BatchBuilder } from '../../core/protocol/batch-builder.ts';
import { setBaseOffset } from '../../core/protocol/batch-header.ts';
import { RecordCursor } from '../../core/protocol/record-cursor.ts';

const { values } = parseArgs({
  options: {
    /** An S3 endpoint, or `file:/folder`. */
    url: { type: 'string', default: 'http://127.0.0.1:9000' },
    records: { type: 'string', default: '4000000' },
    partitions: { type: 'string', default: '4' },
    /** Further settings of the sink, `key=value`. */
    set: { type: 'string', multiple: true, default: [] },
  },
});

const topic = 'bench';
const batchRecords = 4000;
const partitionCount = Number(values.partitions);
const rounds = Math.ceil(Number(values.records) / batchRecords);

/** A line of 225 bytes as services log them: the same fields, changing values. */
function logLine(n: number): string {
  const id = ((n * 2_654_435_761) >>> 0).toString(16).padStart(8, '0');
  const line = JSON.stringify({
    ts: new Date(1_780_000_000_000 + n * 7).toISOString(),
    level: n % 40 === 0 ? 'error' : 'info',
    service: ['checkout', 'search', 'basket', 'login'][n % 4],
    host: `web-${n % 23}`,
    method: n % 3 === 0 ? 'POST' : 'GET',
    path: `/api/v1/orders/${(n * 7919) % 1_000_000}`,
    status: [200, 200, 201, 404, 500][n % 5],
    ms: (n * 31) % 997,
    trace: id + id,
    pad: '',
  });
  return line.replace('"pad":""', `"pad":"${'-'.repeat(Math.max(0, 225 - line.length))}"`);
}

function buildBatch(first: number): Buffer {
  const builder = new BatchBuilder();
  for (let i = 0; i < batchRecords; i++) {
    const line = Buffer.from(logLine(first + i));
    builder.append(line, 0, line.length, 1_780_000_000_000 + i);
  }
  return builder.build();
}

const batches = Array.from({ length: 8 }, (_, i) => buildBatch(i * batchRecords));
const cursors = Array.from({ length: partitionCount }, (_, partition) => new RecordCursor({ topic, partition }));
const nextOffsets = new Array<number>(partitionCount).fill(0);

const gauges = new Map<string, number>();
const task = connector.createTask();
await task.open({
  connector: 'bench',
  taskIndex: 0,
  settings: {
    name: 'bench',
    'connector.class': 's3',
    topics: topic,
    'store.url': values.url,
    's3.bucket.name': 'bucket',
    'aws.access.key.id': 'test',
    'aws.secret.access.key': 'testtest',
    's3.region': 'us-east-1',
    // Its own folder, so that a run does not go on where the one before ended.
    'topics.dir': `bench-${process.pid}-${Date.now()}`,
    ...Object.fromEntries(values.set.map((each) => each.split('=', 2) as [string, string])),
  },
  clock: systemClock,
  logger: silentLogger,
  gauges: {
    add: (name, delta) => void gauges.set(name, (gauges.get(name) ?? 0) + delta),
    set: (name, value) => void gauges.set(name, value),
  },
  committable: () => undefined,
  badRecord: (_records, reason) => Promise.reject(reason),
  failed: (error) => {
    throw error;
  },
});
await task.assigned(cursors.map(({ partition }) => ({ topic, partition })));

const cpuBefore = process.cpuUsage();
const started = performance.now();
const startRssBytes = process.memoryUsage.rss();
let peakRssBytes = 0;
for (let round = 0; round < rounds; round++) {
  const partition = round % partitionCount;
  const batch = batches[round % batches.length]!;
  const cursor = cursors[partition]!;
  setBaseOffset(batch, 0, nextOffsets[partition]!);
  nextOffsets[partition]! += batchRecords;
  cursor.reset(batch, 0);
  await task.put(cursor);
  // The runtime reads sockets between two runs; here the loop gives uploads their turn.
  if (round % 4 === 0) await new Promise((resolve) => setImmediate(resolve));
  if (round % 64 === 0) peakRssBytes = Math.max(peakRssBytes, process.memoryUsage.rss());
}
await task.drain();
const wallSeconds = (performance.now() - started) / 1000;
const cpu = process.cpuUsage(cpuBefore);
await task.close();

const records = rounds * batchRecords;
const cpuSeconds = (cpu.user + cpu.system) / 1e6;
console.log(
  JSON.stringify({
    records,
    cpuSeconds: Number(cpuSeconds.toFixed(2)),
    wallSeconds: Number(wallSeconds.toFixed(2)),
    recordsPerCpuSecond: Math.round(records / cpuSeconds),
    megabytesPerCpuSecond: Math.round((records * 225) / cpuSeconds / 1e6),
    startRssMb: Math.round(startRssBytes / 2 ** 20),
    peakRssMb: Math.round(peakRssBytes / 2 ** 20),
    objects: gauges.get('objects_total'),
    storedMb: Math.round((gauges.get('stored_bytes_total') ?? 0) / 1e6),
  }),
);
