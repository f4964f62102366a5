/** How fast the wire codec and the record batches are, beside code written by hand for the same bytes; prints medians and spreads. */

import { fetchApi } from '../../core/protocol/apis/fetch.ts';
import { produceApi } from '../../core/protocol/apis/produce.ts';
import { BatchBuilder } from '../../core/protocol/batch-builder.ts';
import { BatchMemory } from '../../core/protocol/batch-memory.ts';
import { validateBatch } from '../../core/protocol/batch-validate.ts';
import { type Codec, compress, decompress } from '../../core/protocol/compression.ts';
import { crc32c } from '../../core/protocol/crc32c.ts';
import { Reader } from '../../core/protocol/reader.ts';
import { RecordCursor } from '../../core/protocol/record-cursor.ts';
import { Writer } from '../../core/protocol/writer.ts';
import { formatSpread, formatTable } from '../measure.ts';
import { buildRecords, decodeProduceRequest, encodeFetchResponse, sumValueBytes } from './hand-written.ts';

const lineBytes = 234;
const lineCount = 4400;
const lines = Buffer.alloc(lineBytes * lineCount, '10.0.0.1 - - [20/Nov/2026] "GET /index.html" 200 ');
const memory = new BatchMemory({ maxBytes: 16 * 1024 * 1024 });
const builder = new BatchBuilder({ memory });
const target = Buffer.allocUnsafeSlow(2 * lines.length);
let sink = 0;

function buildBatch(): Buffer {
  for (let start = 0; start < lines.length; start += lineBytes) {
    builder.append(lines, start, start + lineBytes, 1_700_000_000_000);
  }
  return builder.build();
}

const batch = Buffer.from(buildBatch());
const small = batch.subarray(0, 16_384);
const topics = ['access-log', 'error-log'].map((topic) => ({
  topic,
  partitions: Array.from({ length: 4 }, (_, partitionIndex) => ({
    partitionIndex,
    errorCode: 0,
    highWatermark: 5_000_000_000,
    lastStableOffset: 5_000_000_000,
    logStartOffset: 0,
    records: small,
  })),
}));
const produce = {
  acks: -1,
  timeoutMs: 30_000,
  topicData: topics.map(({ topic, partitions }) => ({
    name: topic,
    partitionData: partitions.map(({ partitionIndex, records }) => ({ index: partitionIndex, records })),
  })),
};
const encoded = (version: number) => {
  const writer = new Writer();
  produceApi.encodeRequest(writer, produce, version);
  return writer.toBuffer();
};
const produce7 = encoded(7);
const produce9 = encoded(9);
const fetch11 = new Writer();
fetchApi.encodeResponse(fetch11, { responses: topics }, 11);
const fetchBody = fetch11.toBuffer();
const cursor = new RecordCursor({ checkCrcs: false });

interface Case {
  readonly name: string;
  /** Records or messages one call handles, to divide by. */
  readonly per: number;
  readonly calls: number;
  readonly ours: () => void;
  readonly byHand?: () => void;
}

const message = { per: 1, calls: 2000 };
const records = { per: lineCount, calls: 4 };

const cases: readonly Case[] = [
  {
    name: 'Produce 7: decode request, 8 partitions',
    ...message,
    ours: () => void produceApi.decodeRequest(new Reader(produce7), 7),
    byHand: () => void decodeProduceRequest(produce7),
  },
  {
    name: 'Produce 9: decode request, 8 partitions',
    ...message,
    ours: () => void produceApi.decodeRequest(new Reader(produce9), 9),
  },
  {
    name: 'Produce 9: encode request, 8 partitions',
    ...message,
    ours: () => {
      const writer = new Writer();
      produceApi.encodeRequest(writer, produce, 9);
      sink += writer.finish().length;
    },
  },
  {
    name: 'Fetch 11: encode response, 8 partitions',
    ...message,
    ours: () => {
      const writer = new Writer();
      fetchApi.encodeResponse(writer, { responses: topics }, 11);
      sink += writer.finish().length;
    },
    byHand: () => {
      sink += encodeFetchResponse(topics).length;
    },
  },
  {
    name: 'Fetch 11: decode response, 8 partitions',
    ...message,
    ours: () => void fetchApi.decodeResponse(new Reader(fetchBody), 11),
  },
  {
    name: `batch: build of ${lineBytes}-byte records, with checksum`,
    ...records,
    ours: () => memory.give(buildBatch()),
    byHand: () => {
      const end = buildRecords(lines, lineBytes, target);
      sink += crc32c(target, 21, end);
    },
  },
  {
    name: 'batch: validate, with checksum',
    ...records,
    ours: () => {
      if (validateBatch(batch, 0, batch.length) !== undefined) throw new Error('the batch must be valid');
    },
    byHand: () => {
      sink += crc32c(batch, 21) + sumValueBytes(batch);
    },
  },
  {
    name: 'batch: cursor, without checksum',
    ...records,
    ours: () => {
      cursor.reset(batch);
      let sum = 0;
      while (cursor.next()) sum += cursor.valueEnd - cursor.valueStart;
      sink += sum;
    },
    byHand: () => {
      sink += sumValueBytes(batch);
    },
  },
];

const rounds = 40;

/** Nanoseconds per record or message, one value per round; ours and theirs take turns. */
function measure(one: Case): string[] {
  const ours: number[] = [];
  const byHand: number[] = [];
  for (let round = 0; round < rounds; round++) {
    ours.push(timed(one, one.ours));
    if (one.byHand !== undefined) byHand.push(timed(one, one.byHand));
  }
  // The first quarter warms the compiler up.
  const settled = (values: readonly number[]) => (values.length === 0 ? '' : formatSpread(values.slice(rounds / 4)));
  return [one.name, settled(ours), settled(byHand)];
}

function timed(one: Case, run: () => void): number {
  const started = performance.now();
  for (let call = 0; call < one.calls; call++) run();
  return ((performance.now() - started) * 1e6) / (one.calls * one.per);
}

function measureCodec(codec: Codec): string[] {
  const input = Buffer.from(
    Array.from(
      { length: 12_000 },
      (_, n) => `{"n":${n},"path":"/api/${(n * 7919) % 997}","ms":${n % 331},"status":200}\n`,
    ).join(''),
  );
  const output = compress(codec, input);
  const rate = (run: () => void) =>
    Array.from({ length: 15 }, () => {
      const started = performance.now();
      run();
      return input.length / 1000 / (performance.now() - started);
    }).slice(3);
  return [
    codec,
    (input.length / output.length).toFixed(1),
    formatSpread(rate(() => compress(codec, input))),
    formatSpread(rate(() => decompress(codec, output, input.length))),
  ];
}

console.log(formatTable(['ns per message or record', 'ours', 'by hand'], cases.map(measure)));
console.log();
console.log(
  formatTable(
    ['codec', 'ratio', 'compress MB/s', 'decompress MB/s'],
    (['gzip', 'snappy', 'lz4', 'zstd'] as const).map(measureCodec),
  ),
);
if (Number.isNaN(sink)) throw new Error('the measured work must not be optimised away');
