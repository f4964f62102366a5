/** Following, pacing and whole files (scenarios 1, 26, 28, 32, 38, 40, 44). */

import { appendFileSync, closeSync, copyFileSync, openSync, rmSync, writeFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { MemoryLogger, SourceStore } from '../../kits/source-kit.ts';
import { asText, numbered, Workbench } from './workbench.ts';

let bench: Workbench;
beforeEach(() => {
  bench = new Workbench();
});
afterEach(() => bench.dispose());

describe('waking', () => {
  test('1: an append ends a waiting poll long before the next scan', async () => {
    writeFileSync(bench.path('a.log'), 'one\n');
    const driver = await bench.start({ 'scan.interval.ms': '1h' });
    await driver.until(() => driver.store.records.length === 1);
    for (const watch of [1, 2, 3]) {
      await driver.during(50);
      const polling = driver.poll();
      appendFileSync(bench.path('a.log'), `line ${watch}\n`);
      expect((await polling).records.length).toBe(1);
    }
  });

  test('28: a quiet file is served in the first poll after its line, beside two hundred with a backlog', async () => {
    for (let i = 0; i < 200; i++) writeFileSync(bench.path(`busy-${i}.log`), asText(numbered(`b${i}`, 0, 3000)));
    writeFileSync(bench.path('quiet.log'), '');
    const driver = await bench.start({ 'read.buffer.bytes': '16KiB', watch: 'never' }, { roomBytes: 2 ** 17 });
    await driver.until(() => driver.store.records.length > 50_000);
    appendFileSync(bench.path('quiet.log'), 'quiet\n');
    const before = driver.store.records.length;
    await driver.until(() => driver.store.texts.at(-1) === 'quiet' || driver.store.texts.includes('quiet', before));
    expect(driver.store.texts.indexOf('quiet', before)).toBeLessThan(590_000);
  });

  test('28: all files advance together', async () => {
    for (let i = 0; i < 20; i++) writeFileSync(bench.path(`busy-${i}.log`), asText(numbered(`b${i}`, 0, 3000)));
    const driver = await bench.start({ 'read.buffer.bytes': '4KiB' }, { roomBytes: 2 ** 20 });
    await driver.poll();
    const counts = Map.groupBy(driver.store.texts, (text) => text.split(' ')[0]);
    expect(counts.size).toBe(20);
    const sizes = [...counts.values()].map((texts) => texts.length);
    expect(Math.max(...sizes) - Math.min(...sizes)).toBeLessThan(2 * Math.ceil(2 ** 16 / 40));
  });

  test('32: while nobody takes records, memory stays flat, rotated files are kept, and then everything drains', async () => {
    const driver = await bench.start();
    const lines: string[] = [];
    for (let i = 0; i < 5; i++) {
      const added = numbered(`life ${i}`, 0, 500);
      lines.push(...added);
      writeFileSync(bench.path('a.log'), asText(added));
      if (i === 0) await driver.poll();
      await new Promise((resolve) => setTimeout(resolve, 150));
      for (let k = i; k >= 0; k--) copyOrMove(k);
    }
    await driver.until(() => driver.store.records.length >= lines.length);
    expect(driver.store.texts.toSorted()).toEqual(lines.toSorted());
  });

  function copyOrMove(index: number): void {
    const from = index === 0 ? 'a.log' : `a.log.${index}`;
    copyFileSync(bench.path(from), bench.path(`a.log.${index + 1}`));
    rmSync(bench.path(from));
  }
});

describe('starting at the end', () => {
  const settings = { 'start.position': 'end' };

  test('38: what was there is passed over, a half line is not cut, and later files are read whole', async () => {
    const store = new SourceStore();
    writeFileSync(bench.path('a.log'), 'old\nhalf');
    writeFileSync(bench.path('old.log.gz'), Buffer.from('1f8b08000000000000034b4ce20200a7a3dbda03000000', 'hex'));
    let driver = await bench.start(settings, { store });
    await driver.until(() => store.positions.some(({ partition }) => partition['start'] === 'end'));
    appendFileSync(bench.path('a.log'), ' and half\nnew\n');
    await driver.until(() => store.records.length === 2);
    await bench.stop(driver);
    appendFileSync(bench.path('a.log'), 'while stopped\n');
    writeFileSync(bench.path('b.log'), 'a new file\n');
    driver = await bench.start(settings, { store });
    await driver.until(() => store.records.length === 4);
    expect(store.texts.toSorted()).toEqual(['a new file', 'half and half', 'new', 'while stopped']);
  });

  test('38: a first run without any file passes over nothing afterwards', async () => {
    const store = new SourceStore();
    let driver = await bench.start(settings, { store });
    await driver.until(() => store.positions.length === 1);
    await bench.stop(driver);
    writeFileSync(bench.path('a.log'), 'one\n');
    driver = await bench.start(settings, { store });
    await driver.until(() => store.records.length === 1);
  });
});

describe('bounded runs', () => {
  test('44: what is there is read and marked as done; what came later is for the next run', async () => {
    const store = new SourceStore();
    writeFileSync(bench.path('a.log'), asText(numbered('a', 0, 2000)));
    const driver = await bench.start({}, { store, once: true, roomBytes: 4096 });
    // Files are gathered until a scan finds nothing more.
    await driver.until(() => (driver.gauges.values['scans_total'] ?? 0) >= 2);
    appendFileSync(bench.path('a.log'), asText(numbered('a', 2000, 2100)));
    writeFileSync(bench.path('b.log'), 'later\n');
    await driver.toEnd();
    await bench.stop(driver);
    expect(store.records.length).toBe(2000);
    await bench.once(store);
    expect(store.records.length).toBe(2101);
    expect(store.positions.map(({ offset }) => offset!['done'])).toEqual([true, true]);
  });

  test('a run over nothing ends', async () => {
    const store = new SourceStore();
    await bench.once(store);
    expect(store.records).toEqual([]);
  });

  test('26: finished files are recognised without being opened', async () => {
    const store = new SourceStore();
    for (let i = 0; i < 2000; i++) writeFileSync(bench.path(`${i}.log`), `${i} ${'x'.repeat(80)}\n`);
    await bench.once(store);
    expect(store.records.length).toBe(2000);
    const driver = await bench.start({}, { store });
    await driver.until(() => driver.gauges.values['files_done'] === 2000);
    expect(driver.gauges.values['open_files']).toBe(0);
    expect(store.records.length).toBe(2000);
  });
});

describe('deleted files', () => {
  test('40: a deleted file is read to its end by default', async () => {
    const fd = openSync(bench.path('a.log'), 'a');
    appendFileSync(fd, asText(numbered('a', 0, 3000)));
    const driver = await bench.start({ 'read.buffer.bytes': '4KiB' }, { roomBytes: 8192 });
    await driver.poll();
    rmSync(bench.path('a.log'));
    await driver.during(300);
    appendFileSync(fd, 'the last\n');
    closeSync(fd);
    await driver.until(() => driver.store.records.length === 3001);
    await driver.until(() => driver.store.positions.length === 0);
    expect(driver.gauges.values['lost_bytes_total']).toBeUndefined();
  });

  test('40: past the budget the rest is given up, counted and reported', async () => {
    const logger = new MemoryLogger();
    const text = asText(numbered('a', 0, 60_000));
    writeFileSync(bench.path('a.log'), text);
    const settings = { 'read.buffer.bytes': '4KiB', 'deleted.max.bytes': '1000', 'batch.size': '1' };
    const driver = await bench.start(settings, { logger });
    await driver.poll();
    rmSync(bench.path('a.log'));
    await driver.until(() => driver.gauges.values['lost_bytes_total'] !== undefined);
    const readBytes = driver.gauges.values['bytes_read_total']!;
    expect(driver.gauges.values['lost_bytes_total']).toBe(text.length - readBytes);
    expect(logger.lines.some((line) => line.startsWith('error') && line.includes('never read'))).toBe(true);
    expect(driver.store.positions).toEqual([]);
  });
});

describe('whole files', () => {
  const settings = { mode: 'whole' };

  test('a settled file is one record with its path as the key, and again when its content changes', async () => {
    const content = Buffer.from([1, 2, 10, 0, 255]);
    writeFileSync(bench.path('a.log'), content);
    const driver = await bench.start(settings);
    await driver.until(() => driver.store.records.length === 1);
    expect(driver.store.records[0]).toMatchObject({ key: bench.path('a.log'), value: content });
    appendFileSync(bench.path('a.log'), 'more');
    await driver.until(() => driver.store.records.length === 2);
    expect(driver.store.texts[1]!.endsWith('more')).toBe(true);
    writeFileSync(bench.path('a.log'), 'xore');
    await driver.until(() => driver.store.records.length === 3);
    await driver.during(500);
    expect(driver.store.records.length).toBe(3);
  });

  test('a file too large is reported by name and limit, others go on, nothing comes twice', async () => {
    const logger = new MemoryLogger();
    const store = new SourceStore();
    writeFileSync(bench.path('large.log'), Buffer.alloc(2000));
    writeFileSync(bench.path('fine.log'), 'fine');
    const driver = await bench.once(store, { ...settings, 'max.file.bytes': '1000' }, { logger });
    expect(store.texts).toEqual(['fine']);
    expect(driver.gauges.values['files_failed']).toBe(1);
    expect(logger.lines.find((line) => line.startsWith('error'))).toMatch(/2000 bytes.*1000.*large\.log/);
    await bench.once(store, { ...settings, 'max.file.bytes': '1000' });
    expect(store.texts).toEqual(['fine']);
  });
});
