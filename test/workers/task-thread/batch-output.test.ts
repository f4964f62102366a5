/** Records keep their order within a partition, whether or not the partitions of their topic were known when they came. */

import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { SourceOutput } from '../../../connectors/contract/source.ts';
import { RecordCursor } from '../../../core/protocol/record-cursor.ts';
import { BatchOutput, type BuiltPoll } from '../../../workers/task-thread/batch-output.ts';

function outputOf(partitionCount: number, refused: number[]): BatchOutput {
  return new BatchOutput({
    pollBytes: 1 << 20,
    batchBytes: 200,
    compression: 'none',
    producerSeals: false,
    topicFacts: async () => ({ partitionCount, maxBatchBytes: 400 }),
    onOversized: (_topic, { value }) => void refused.push(value?.length ?? 0),
  });
}

/** By topic and partition: keys, values and headers in order. */
function contents({ batches }: BuiltPoll): Record<string, string[]> {
  const found: Record<string, string[]> = {};
  for (const { topic, partition, batch } of batches) {
    const cursor = new RecordCursor({ topic, partition });
    cursor.reset(batch, 0);
    while (cursor.next()) {
      const text = (start: number, end: number) => (start < 0 ? 'null' : cursor.bytes.toString('utf8', start, end));
      const record = `${text(cursor.keyStart, cursor.keyEnd)}=${text(cursor.valueStart, cursor.valueEnd)}`;
      found[`${topic}-${partition}`] ??= [];
      found[`${topic}-${partition}`]?.push(record);
    }
  }
  return found;
}

type Append = (output: SourceOutput) => void;

const appends = fc.array(
  fc
    .record({
      topic: fc.constantFrom('a', 'b'),
      spread: fc.nat(7),
      text: fc.string({ maxLength: 20 }),
      kind: fc.constantFrom('plain', 'keyed', 'null', 'record', 'lines', 'end', 'large'),
    })
    .map(({ topic, spread, text, kind }): Append => {
      return (output) => {
        const bytes = Buffer.from(text);
        const all = { start: 0, end: bytes.length };
        if (kind === 'end') return output.transactionEnds();
        const appender = output.partition(topic, spread);
        if (kind === 'plain') appender.append(bytes, 0, bytes.length, 1);
        else if (kind === 'keyed') appender.appendKeyed(bytes, all, all, 1);
        else if (kind === 'null') appender.appendKeyed(bytes, all, { start: -1, end: -1 }, 1);
        else if (kind === 'large') appender.append(Buffer.alloc(380), 0, 380, 1);
        else if (kind === 'lines') {
          const lines = Buffer.from(`${text.replaceAll(/[\n\r]/g, '')}\r\nsecond\nrest`);
          const options = { timestampMs: 1, maxLineBytes: 100, maxRecords: 2 };
          appender.appendLines(lines, 0, lines.length, options);
        } else
          appender.appendRecord({ key: bytes, value: bytes, headers: [{ key: 'h', value: bytes }], timestampMs: 1 });
        // What was appended is the caller's again.
        bytes.fill(0);
      };
    }),
);

test('the same batches of the same partitions, once they are known', async () => {
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 1, max: 4 }), fc.array(appends, { maxLength: 3 }), async (count, polls) => {
      const refused: [number[], number[]] = [[], []];
      const [known, unknown] = [outputOf(count, refused[0]), outputOf(count, refused[1])];
      for (const topic of ['a', 'b']) await known.prepare(topic);
      for (const poll of polls) {
        for (const append of poll) for (const output of [known, unknown]) append(output);
        const one = await known.take();
        const two = await unknown.take();
        expect(refused[1]).toEqual(refused[0]);
        expect(contents(two)).toEqual(contents(one));
        expect([two.recordCount, two.payloadBytes]).toEqual([one.recordCount, one.payloadBytes]);
        // Never said too early; later where the last record is refused.
        if (two.endsTransaction || refused[0].length === 0) expect(two.endsTransaction).toBe(one.endsTransaction);
        expect(unknown.roomBytes).toBe(1 << 20);
      }
    }),
  );
});
