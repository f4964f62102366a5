/** Lists the measurements and runs one by name: `npm run bench`, `npm run bench -- NAME [options]`. */

import { spawn } from 'node:child_process';
import { join } from 'node:path';

interface Measurement {
  readonly name: string;
  readonly file: string;
  readonly question: string;
}

const measurements: readonly Measurement[] = [
  {
    name: 'file-to-topic',
    file: 'main-job/file-to-topic.ts',
    question: 'bytes of log per CPU-second from files into a topic; beside rsyslog and Kafka Connect',
  },
  {
    name: 'topic-to-s3',
    file: 'main-job/topic-to-s3.ts',
    question: 'JSON records per CPU-second from a topic into zstd objects',
  },
  { name: 'whole-job', file: 'main-job/whole-job.ts', question: 'both halves in one run' },
  {
    name: 'exactly-once',
    file: 'main-job/exactly-once.ts',
    question: 'what records and offsets in one transaction cost',
  },
  { name: 'first-object', file: 'main-job/first-object.ts', question: 'seconds from the start to the first object' },
  { name: 'client', file: 'client/run.ts', question: 'produce and consume beside kafkajs' },
  {
    name: 'broker',
    file: 'broker/produce.ts',
    question: "produce by Kafka's own client beside Apache Kafka, synced and not",
  },
  { name: 'log', file: 'log/append.ts', question: "the log's own cost of an append" },
  { name: 'log-partitions', file: 'log/many-partitions.ts', question: 'one commit of 1 to 1,000 partitions' },
  { name: 'transactions', file: 'log/transactions.ts', question: 'transactions per second beside idempotent produce' },
  { name: 'recovery', file: 'log/recovery.ts', question: 'seconds until a killed broker answers again' },
  { name: 'file-source', file: 'file-source/read.ts', question: 'the file source alone' },
  { name: 's3-sink', file: 's3-sink/run.ts', question: 'the S3 sink alone' },
  {
    name: 'postgres-encode',
    file: 'postgres/encode-rows.ts',
    question: 'rows per CPU-second that the Postgres source turns into JSON, without a server or a topic',
  },
  {
    name: 'postgres',
    file: 'postgres/stream.ts',
    question: 'changes of PostgreSQL into topics, beside Debezium and pg_recvlogical',
  },
  {
    name: 'postgres-latency',
    file: 'postgres/latency.ts',
    question: 'milliseconds from a commit until its change is readable, at a steady rate; beside Debezium',
  },
  {
    name: 'postgres-transaction',
    file: 'postgres/large-transaction.ts',
    question: 'one transaction of three million rows, told while it runs; beside Debezium',
  },
  {
    name: 'postgres-start',
    file: 'postgres/start.ts',
    question: 'seconds from the start to the first change, cold and with a stored position; beside Debezium',
  },
  {
    name: 'postgres-snapshot',
    file: 'postgres/snapshot.ts',
    question: 'rows of a table into its topic, over one connection and over several; beside Debezium',
  },
  {
    name: 'postgres-soak',
    file: 'postgres/soak.ts',
    question: 'hours at a steady rate: what memory, files, lag and the log at the server do',
  },
  { name: 'wire', file: 'wire/run.ts', question: 'codec and record batches beside code written by hand' },
];

const [name, ...options] = process.argv.slice(2);
const chosen = measurements.find((measurement) => measurement.name === name);
if (chosen === undefined) {
  const width = Math.max(...measurements.map((measurement) => measurement.name.length));
  for (const { name: each, question } of measurements) console.log(`${each.padEnd(width)}  ${question}`);
  console.log('\nnpm run bench -- NAME [--rounds N] [--megabytes N] [--no-peers] [--profile]');
  process.exitCode = name === undefined ? 0 : 2;
} else {
  const child = spawn(process.execPath, [join(import.meta.dirname, chosen.file), ...options], { stdio: 'inherit' });
  child.on('close', (code) => {
    process.exitCode = code ?? 1;
  });
}
