/** Lines as bytes: ends, long ones, partial ones, odd bytes (scenarios 2, 3, 21, 22, 24). */

import { appendFileSync, closeSync, ftruncateSync, openSync, writeFileSync, writeSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type KeptRecord, SourceStore } from '../../kits/source-kit.ts';
import { asText, numbered, Workbench } from './workbench.ts';

let bench: Workbench;
beforeEach(() => {
  bench = new Workbench();
});
afterEach(() => bench.dispose());

function header(record: KeptRecord, name: string): string | undefined {
  return record.headers.find((each) => each.key === `millrace.split.${name}`)?.value?.toString();
}

describe('the last line', () => {
  test('2: without a newline it waits for its end', async () => {
    writeFileSync(bench.path('a.log'), 'one\ntw');
    const driver = await bench.start({ 'partial.line.timeout.ms': '1h' });
    await driver.until(() => driver.store.records.length === 1);
    await driver.during(200);
    appendFileSync(bench.path('a.log'), 'o\n');
    await driver.until(() => driver.store.records.length === 2);
    expect(driver.store.texts).toEqual(['one', 'two']);
    expect(driver.store.records[1]!.headers).toEqual([]);
  });

  test('2: it is completed after a restart', async () => {
    const store = new SourceStore();
    writeFileSync(bench.path('a.log'), 'one\ntw');
    const driver = await bench.start({ 'partial.line.timeout.ms': '1h' }, { store });
    await driver.until(() => store.records.length === 1);
    await bench.stop(driver);
    appendFileSync(bench.path('a.log'), 'o\nthree\n');
    await bench.once(store);
    expect(store.texts).toEqual(['one', 'two', 'three']);
  });

  test('2: an idle one is taken, says so, and goes on as a further part, also after a restart', async () => {
    const store = new SourceStore();
    writeFileSync(bench.path('a.log'), 'one\nbegin');
    const driver = await bench.start({}, { store });
    await driver.until(() => store.records.length === 2);
    await bench.stop(driver);
    appendFileSync(bench.path('a.log'), ' end\nthree\n');
    await bench.once(store);
    expect(store.texts).toEqual(['one', 'begin', ' end', 'three']);
    const [, begin, end, three] = store.records;
    expect([header(begin!, 'line'), header(begin!, 'part'), header(begin!, 'more')]).toEqual(['4', '0', 'unknown']);
    expect([header(end!, 'line'), header(end!, 'part'), header(end!, 'more')]).toEqual(['4', '1', 'false']);
    expect(three!.headers).toEqual([]);
  });

  test('2: a newline that comes late adds no empty record', async () => {
    writeFileSync(bench.path('a.log'), 'one');
    const driver = await bench.start();
    await driver.until(() => driver.store.records.length === 1);
    appendFileSync(bench.path('a.log'), '\ntwo\n');
    await driver.until(() => driver.store.records.length === 2);
    expect(driver.store.texts).toEqual(['one', 'two']);
  });
});

describe('odd content', () => {
  test('3: empty files, one byte, only newlines, CRLF, lone CR and NUL bytes', async () => {
    writeFileSync(bench.path('1.log'), '');
    writeFileSync(bench.path('2.log'), 'x');
    writeFileSync(bench.path('3.log'), '\n\n\n');
    writeFileSync(bench.path('4.log'), 'crlf\r\nlone\rcr\n\r\n');
    writeFileSync(bench.path('5.log'), Buffer.from([0, 1, 0, 10, 0, 10]));
    const store = new SourceStore();
    await bench.once(store);
    expect(store.texts.toSorted()).toEqual(['', '', '', '', '\0', '\0\x01\0', 'crlf', 'lone\rcr', 'x']);
  });

  test('24: bytes that are no UTF-8, and characters across read buffers, arrive as they are', async () => {
    const odd = Buffer.from([0xff, 0xfe, 0xc3, 0x28, 0xe9]);
    const wide = `${'é€𝄞'.repeat(3000)}`;
    writeFileSync(bench.path('a.log'), Buffer.concat([odd, Buffer.from(`\n${wide}\nend\n`)]));
    const store = new SourceStore();
    await bench.once(store, { 'read.buffer.bytes': '4KiB' });
    expect(store.records[0]!.value).toEqual(odd);
    expect(store.texts.slice(1)).toEqual([wide, 'end']);
  });
});

describe('long lines', () => {
  const limit = 2 ** 20;

  async function drain(): Promise<{ bytes: number; largest: number; largestRss: number }> {
    const driver = await bench.start({}, { once: true, roomBytes: 2 ** 23, keepsRecords: false });
    const total = { bytes: 0, largest: 0, largestRss: 0 };
    await driver.until(
      () => driver.isFinished,
      50_000,
      ({ valueBytes, largestValueBytes }) => {
        total.bytes += valueBytes;
        total.largest = Math.max(total.largest, largestValueBytes);
        total.largestRss = Math.max(total.largestRss, process.memoryUsage.rss());
      },
    );
    return total;
  }

  test('21: just under, at and just over the limit, with either line end', async () => {
    const lengths = [limit - 1, limit, limit + 1];
    const text = lengths.flatMap((length) => [`${'a'.repeat(length)}\n`, `${'b'.repeat(length)}\r\n`]).join('');
    writeFileSync(bench.path('a.log'), `${text}end\n`);
    const store = new SourceStore();
    const driver = await bench.once(store, {}, { roomBytes: 2 ** 24 });
    expect(store.records.map((record) => record.value.length)).toEqual([
      ...[limit - 1, limit - 1, limit, limit],
      ...[limit, 1, limit, 1, 3],
    ]);
    const [first, rest] = store.records.slice(4, 6);
    expect([header(first!, 'part'), header(first!, 'more')]).toEqual(['0', 'true']);
    expect([header(rest!, 'part'), header(rest!, 'more')]).toEqual(['1', 'false']);
    expect(header(rest!, 'line')).toBe(header(first!, 'line'));
    expect(driver.gauges.values['long_lines_total']).toBe(2);
  });

  test('21: a line of 100 MB goes through in parts', async () => {
    const part = Buffer.alloc(10_000_000, 'y');
    for (let i = 0; i < 10; i++) appendFileSync(bench.path('a.log'), part);
    appendFileSync(bench.path('a.log'), '\nend\n');
    const { bytes, largest } = await drain();
    expect([bytes, largest]).toEqual([100_000_003, limit]);
  });

  test('22: a gigabyte without a newline stays within bounded memory', async () => {
    const fd = openSync(bench.path('a.log'), 'w');
    writeSync(fd, 'x');
    ftruncateSync(fd, 2 ** 30);
    closeSync(fd);
    const before = process.memoryUsage.rss();
    const { bytes, largestRss } = await drain();
    expect(bytes).toBe(2 ** 30);
    expect(largestRss - before).toBeLessThan(300 * 2 ** 20);
  });

  test('21: parts do not divide a character and resume after a restart at any part', async () => {
    const line = '€'.repeat(100);
    writeFileSync(bench.path('a.log'), `${line}\nend\n`);
    const store = new SourceStore();
    const settings = { 'max.line.bytes': '16', 'batch.size': '1' };
    await bench.once(store, settings);
    expect(store.texts.join('')).toBe(`${line}end`);
    expect(store.texts.every((text) => !text.includes('\ufffd'))).toBe(true);
    const half = store.history[5]!;
    const rest = new SourceStore();
    await bench.once(rest, settings, { storedPositions: half.positions });
    expect(rest.texts).toEqual(store.texts.slice(half.recordCount));
    expect(rest.records.map((record) => header(record, 'part'))).toEqual(
      store.records.slice(half.recordCount).map((record) => header(record, 'part')),
    );
  });

  test('batch.size bounds the records of a poll', async () => {
    writeFileSync(bench.path('a.log'), asText(numbered('a', 0, 10)));
    const store = new SourceStore();
    await bench.once(store, { 'batch.size': '3' });
    expect(store.history.map((entry) => entry.recordCount)).toEqual([3, 6, 9, 10]);
  });
});
