/** Compressed files: read through, recognised as what they were made from, and never skipped in silence (scenarios 18–20). */

import { appendFileSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { MemoryLogger, SourceStore } from '../../kits/source-kit.ts';
import { asText, numbered, Workbench } from './workbench.ts';

let bench: Workbench;
beforeEach(() => {
  bench = new Workbench();
});
afterEach(() => bench.dispose());

function compress(from: string, to: string): void {
  writeFileSync(bench.path(to), gzipSync(readFileSync(bench.path(from))));
  rmSync(bench.path(from));
}

describe('reading through', () => {
  test('18: complete files, several members, and a last line without its end', async () => {
    const lines = numbered('a', 0, 5000);
    const members = [lines.slice(0, 1000), lines.slice(1000, 1001), lines.slice(1001)];
    writeFileSync(bench.path('a.log.gz'), Buffer.concat(members.map((each) => gzipSync(asText(each)))));
    writeFileSync(bench.path('b.log.gz'), gzipSync('no newline'));
    writeFileSync(bench.path('empty.log.gz'), gzipSync(''));
    const store = new SourceStore();
    await bench.once(store);
    expect(store.texts.filter((text) => text !== 'no newline')).toEqual(lines);
    expect(store.texts).toContain('no newline');
    await bench.once(store);
    expect(store.records.length).toBe(5001);
    expect(store.positions.every(({ offset }) => offset!['done'] === true || offset!['position'] === 0)).toBe(true);
  });

  test('18: stopped at any point, it goes on there', async () => {
    const lines = numbered('a', 0, 3000);
    writeFileSync(bench.path('a.log.gz'), gzipSync(asText(lines)));
    const store = new SourceStore();
    const driver = await bench.start({}, { store, roomBytes: 30_000 });
    await driver.until(() => store.records.length > 1200);
    await bench.stop(driver);
    expect(store.records.length).toBeLessThan(2500);
    await bench.once(store);
    expect(store.texts).toEqual(lines);
  });

  test('18: a growing file is read when it is finished', async () => {
    const lines = numbered('a', 0, 20_000);
    const bytes = gzipSync(asText(lines));
    writeFileSync(bench.path('a.log.gz'), bytes.subarray(0, 5000));
    const driver = await bench.start();
    await driver.during(100);
    appendFileSync(bench.path('a.log.gz'), bytes.subarray(5000, 20_000));
    await driver.during(100);
    appendFileSync(bench.path('a.log.gz'), bytes.subarray(20_000));
    await driver.until(() => driver.store.records.length >= lines.length);
    await driver.during(200);
    expect(driver.store.texts).toEqual(lines);
  });

  test('18: a damaged and an unfinished file are reported, wait, and hold nothing up', async () => {
    const logger = new MemoryLogger();
    const bytes = gzipSync(asText(numbered('a', 0, 20_000)));
    const intact = gzipSync(asText(numbered('b', 0, 20_000)));
    const damaged = Buffer.from(intact);
    damaged.fill(0x55, damaged.length - 3000, damaged.length - 2900);
    writeFileSync(bench.path('damaged.log.gz'), damaged);
    writeFileSync(bench.path('short.log.gz'), bytes.subarray(0, bytes.length - 1000));
    writeFileSync(bench.path('fine.log'), asText(numbered('fine', 0, 10)));
    const store = new SourceStore();
    const driver = await bench.once(store, {}, { logger });
    expect(store.texts.filter((text) => text.startsWith('fine')).length).toBe(10);
    expect(driver.gauges.values['files_failed']).toBe(2);
    for (const name of ['damaged.log.gz', 'short.log.gz']) {
      expect(
        logger.lines.some((line) => line.startsWith('error') && line.includes(name) && line.includes('bad-gzip')),
      ).toBe(true);
    }
    writeFileSync(bench.path('damaged.log.gz'), intact);
    appendFileSync(bench.path('short.log.gz'), bytes.subarray(bytes.length - 1000));
    await bench.once(store);
    const texts = new Set(store.texts);
    expect([...numbered('a', 0, 20_000), ...numbered('b', 0, 20_000)].filter((line) => !texts.has(line))).toEqual([]);
  });

  test('20: content counts, not the name; without decompression the bytes are lines', async () => {
    writeFileSync(bench.path('packed.log'), gzipSync('inside\n'));
    writeFileSync(bench.path('plain.log.gz'), 'not packed\n');
    const store = new SourceStore();
    await bench.once(store);
    expect(store.texts.toSorted()).toEqual(['inside', 'not packed']);
    const raw = new SourceStore();
    await bench.once(raw, { decompress: 'false', paths: bench.path('packed.log') });
    expect(Buffer.concat(raw.records.map((record) => record.value)).subarray(0, 2)).toEqual(Buffer.from([0x1f, 0x8b]));
  });
});

describe('19: a.log, a.log.1, a.log.1.gz', () => {
  const lines = numbered('a', 0, 300);

  test('while running', async () => {
    writeFileSync(bench.path('a.log'), asText(lines));
    const driver = await bench.start();
    await driver.until(() => driver.store.records.length === 300);
    renameSync(bench.path('a.log'), bench.path('a.log.1'));
    writeFileSync(bench.path('a.log'), 'new\n');
    await driver.until(() => driver.store.records.length === 301);
    compress('a.log.1', 'a.log.1.gz');
    await driver.until(() => driver.store.positions.some(({ offset }) => offset?.['compression'] === 'gzip'));
    await driver.during(1200);
    expect(driver.store.records.length).toBe(301);
    expect(driver.store.positions.length).toBe(2);
  });

  test('while stopped, with a rest that nobody had read', async () => {
    const store = new SourceStore();
    writeFileSync(bench.path('a.log'), asText(lines.slice(0, 200)));
    await bench.once(store);
    appendFileSync(bench.path('a.log'), asText(lines.slice(200)));
    compress('a.log', 'a.log.1.gz');
    writeFileSync(bench.path('a.log'), 'new\n');
    await bench.once(store);
    expect(store.texts.filter((text) => text !== 'new')).toEqual(lines);
    expect(store.records.length).toBe(301);
  });

  test('compressed slowly, while both are there', async () => {
    writeFileSync(bench.path('a.log.1'), asText(numbered('a', 0, 20_000)));
    const driver = await bench.start();
    await driver.until(() => driver.store.records.length === 20_000);
    const bytes = gzipSync(readFileSync(bench.path('a.log.1')));
    for (let at = 0; at < bytes.length; at += 15_000) {
      writeFileSync(bench.path('a.log.1.gz'), bytes.subarray(at, at + 15_000), { flag: 'a' });
      await driver.during(120);
    }
    await driver.during(500);
    rmSync(bench.path('a.log.1'));
    await driver.during(1500);
    expect(driver.store.records.length).toBe(20_000);
    expect(driver.store.positions.map(({ offset }) => offset?.['compression'])).toEqual(['gzip']);
  });
});
