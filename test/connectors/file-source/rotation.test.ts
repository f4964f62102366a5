/** Renamed, copied, truncated, deleted and made anew: what is the same file and what is not (scenarios 5–12, 15, 16, 36). */

import {
  appendFileSync,
  closeSync,
  copyFileSync,
  mkdirSync,
  openSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { MemoryLogger, SourceStore } from '../../kits/source-kit.ts';
import { asText, numbered, Workbench } from './workbench.ts';

let bench: Workbench;
let live: string;
beforeEach(() => {
  bench = new Workbench();
  live = bench.path('app.log');
});
afterEach(() => bench.dispose());

const onlyLive = () => ({ paths: live });

describe('rotation by renaming', () => {
  test('5: the writer keeps the old file open for a while', async () => {
    const fd = openSync(live, 'a');
    writeSync(fd, 'before\n');
    const driver = await bench.start({ 'rotated.timeout.ms': '1m' });
    await driver.until(() => driver.store.records.length === 1);
    renameSync(live, bench.path('app.log.1'));
    writeFileSync(live, 'new file\n');
    writeSync(fd, 'after\n');
    await driver.until(() => driver.store.records.length === 3);
    writeSync(fd, 'much later\n');
    closeSync(fd);
    await driver.until(() => driver.store.records.length === 4);
    expect(driver.store.texts.toSorted()).toEqual(['after', 'before', 'much later', 'new file']);
  });

  test('5: ten rotations within a moment', async () => {
    const driver = await bench.start();
    const lines: string[] = [];
    for (let i = 0; i < 10; i++) {
      const added = numbered(`life ${i}`, 0, 50);
      lines.push(...added);
      writeFileSync(live, asText(added));
      for (let k = i; k > 0; k--) renameSync(bench.path(`app.log.${k}`), bench.path(`app.log.${k + 1}`));
      if (i === 4) await driver.poll();
      renameSync(live, bench.path('app.log.1'));
    }
    await driver.until(() => driver.store.records.length >= lines.length);
    await driver.during(300);
    expect(driver.store.texts.toSorted()).toEqual(lines.toSorted());
  });

  test('6: renamed out of the patterns, the rest is read, also after a restart', async () => {
    const store = new SourceStore();
    const lines = numbered('old', 0, 100);
    writeFileSync(live, asText(lines.slice(0, 50)));
    let driver = await bench.start(onlyLive(), { store });
    await driver.until(() => store.records.length === 50);
    renameSync(live, bench.path('app.log.1'));
    appendFileSync(bench.path('app.log.1'), asText(lines.slice(50, 80)));
    await driver.until(() => store.records.length === 80);
    await bench.stop(driver);
    appendFileSync(bench.path('app.log.1'), asText(lines.slice(80)));
    writeFileSync(live, 'fresh\n');
    driver = await bench.start(onlyLive(), { store });
    await driver.until(() => store.records.length === 101);
    expect(store.texts.filter((text) => text !== 'fresh')).toEqual(lines);
    await driver.until(() => store.positions.length === 1);
    expect(driver.gauges.values['lost_bytes_total']).toBeUndefined();
  });

  test('6: a rotated file that was read to its end is forgotten once', async () => {
    writeFileSync(live, asText(numbered('a', 0, 10)));
    const driver = await bench.start(onlyLive());
    await driver.until(() => driver.store.records.length === 10);
    renameSync(live, bench.path('rotated'));
    await driver.until(() => driver.store.positions.length === 0);
    await driver.during(1500);
    expect(driver.store.records.length).toBe(10);
  });

  test('15: moved between folders that both match, and copied between file systems', async () => {
    mkdirSync(bench.path('one'));
    mkdirSync(bench.path('two'));
    const lines = numbered('a', 0, 60);
    writeFileSync(bench.path('one/a.log'), asText(lines.slice(0, 20)));
    const driver = await bench.start({ paths: bench.path('*/*.log') });
    await driver.until(() => driver.store.records.length === 20);
    renameSync(bench.path('one/a.log'), bench.path('two/b.log'));
    appendFileSync(bench.path('two/b.log'), asText(lines.slice(20, 40)));
    await driver.until(() => driver.store.records.length === 40);
    // What `mv` does between file systems.
    copyFileSync(bench.path('two/b.log'), bench.path('one/c.log'));
    rmSync(bench.path('two/b.log'));
    appendFileSync(bench.path('one/c.log'), asText(lines.slice(40)));
    await driver.until(() => driver.store.records.length === 60);
    await driver.during(300);
    expect(driver.store.texts).toEqual(lines);
  });

  test('16: a folder is removed and made anew, and its parent renamed', async () => {
    const settings = { paths: bench.path('*/logs/*.log') };
    mkdirSync(bench.path('app/logs'), { recursive: true });
    writeFileSync(bench.path('app/logs/a.log'), asText(numbered('first', 0, 5)));
    const driver = await bench.start(settings);
    await driver.until(() => driver.store.records.length === 5);
    renameSync(bench.path('app'), bench.path('app-old'));
    appendFileSync(bench.path('app-old/logs/a.log'), asText(numbered('first', 5, 8)));
    mkdirSync(bench.path('app/logs'), { recursive: true });
    writeFileSync(bench.path('app/logs/a.log'), asText(numbered('second', 0, 5)));
    await driver.until(() => driver.store.records.length === 13);
    rmSync(bench.path('app'), { recursive: true });
    await driver.during(200);
    mkdirSync(bench.path('app/logs'), { recursive: true });
    writeFileSync(bench.path('app/logs/a.log'), asText(numbered('third', 0, 5)));
    await driver.until(() => driver.store.records.length === 18);
    await driver.during(200);
    expect(new Set(driver.store.texts).size).toBe(18);
  });
});

describe('rotation by copying and truncating', () => {
  test('7: an appending writer, with the copy inside and outside of the patterns', async () => {
    for (const paths of [bench.path('*.log*'), live]) {
      const store = new SourceStore();
      const lines = numbered('old', 0, 90);
      writeFileSync(live, asText(lines.slice(0, 30)));
      const driver = await bench.start({ paths }, { store });
      await driver.until(() => store.records.length === 30);
      appendFileSync(live, asText(lines.slice(30)));
      copyFileSync(live, bench.path('app.log.1'));
      truncateSync(live);
      appendFileSync(live, asText(numbered('new', 0, 10)));
      await driver.until(() => store.records.length >= 100);
      await driver.during(300);
      expect(store.texts.filter((text) => text.startsWith('old'))).toEqual(lines);
      expect(store.texts.filter((text) => text.startsWith('new'))).toEqual(numbered('new', 0, 10));
      await bench.stop(driver);
      rmSync(bench.path('app.log.1'));
      rmSync(live);
    }
  });

  test('7: a writer that keeps its position leaves a hole of zeros, which becomes no record', async () => {
    const fd = openSync(live, 'w');
    const old = Buffer.from(asText(numbered('old', 0, 2000)));
    writeSync(fd, old, 0, old.length, 0);
    const driver = await bench.start();
    await driver.until(() => driver.store.records.length === 2000);
    copyFileSync(live, bench.path('app.log.1'));
    truncateSync(live);
    const fresh = Buffer.from(asText(numbered('new', 0, 10)));
    writeSync(fd, fresh, 0, fresh.length, old.length);
    closeSync(fd);
    await driver.until(() => driver.store.records.length >= 2010);
    await driver.during(300);
    expect(driver.store.texts.slice(2000)).toEqual(numbered('new', 0, 10));
  });

  test('7: the copy takes longer than a scan', async () => {
    const lines = numbered('old', 0, 3000);
    const bytes = Buffer.from(asText(lines));
    writeFileSync(live, bytes);
    const driver = await bench.start();
    await driver.until(() => driver.store.records.length === 3000);
    for (let at = 0; at < bytes.length; at += 30_000) {
      writeFileSync(bench.path('app.log.1'), bytes.subarray(at, at + 30_000), { flag: 'a' });
      await driver.during(150);
    }
    truncateSync(live);
    appendFileSync(live, 'new\n');
    await driver.until(() => driver.store.records.length > 3000);
    await driver.during(800);
    expect(driver.store.texts).toEqual([...lines, 'new']);
  });

  test('7: it happens while the task is stopped', async () => {
    const store = new SourceStore();
    const lines = numbered('old', 0, 60);
    writeFileSync(live, asText(lines.slice(0, 30)));
    await bench.once(store);
    appendFileSync(live, asText(lines.slice(30)));
    copyFileSync(live, bench.path('app.log.1'));
    truncateSync(live);
    appendFileSync(live, asText(numbered('new', 0, 70)));
    await bench.once(store);
    expect(store.texts.toSorted()).toEqual([...lines, ...numbered('new', 0, 70)].toSorted());
  });
});

describe('truncation', () => {
  test('8: truncated and grown past the old position between two looks', async () => {
    const logger = new MemoryLogger();
    writeFileSync(live, asText(numbered('old', 0, 20)));
    const driver = await bench.start({}, { logger });
    await driver.until(() => driver.store.records.length === 20);
    truncateSync(live);
    appendFileSync(live, asText(numbered('new', 0, 50)));
    await driver.until(() => driver.store.records.length === 70);
    expect(driver.store.texts.slice(20)).toEqual(numbered('new', 0, 50));
    expect(driver.gauges.values['generations_changed_total']).toBe(1);
    expect(logger.lines.some((line) => line.includes('new content'))).toBe(true);
  });

  test('8: the new content has lines of the same length with the same end', async () => {
    const line = (name: string, i: number) =>
      `${name} ${String(i).padStart(4, '0')} ${'"Mozilla/5.0 (X11; Linux x86_64)"'.repeat(4)}`;
    const lines = (name: string, count: number) => Array.from({ length: count }, (_, i) => line(name, i));
    writeFileSync(live, asText(lines('old', 20)));
    const driver = await bench.start();
    await driver.until(() => driver.store.records.length === 20);
    // Still followed, so nothing but its bytes tells that it was made anew.
    appendFileSync(live, asText(lines('old', 21).slice(20)));
    await driver.until(() => driver.store.records.length === 21);
    truncateSync(live);
    appendFileSync(live, asText(lines('new', 50)));
    await driver.until(() => driver.store.records.length === 71);
    expect(driver.store.texts.slice(21)).toEqual(lines('new', 50));
  });

  test('8: what nobody had read before it was truncated is counted as lost', async () => {
    const logger = new MemoryLogger();
    writeFileSync(live, asText(numbered('old', 0, 2000)));
    const driver = await bench.start({ 'batch.size': '100' }, { logger });
    await driver.poll();
    const readBytes = driver.gauges.values['bytes_read_total']!;
    truncateSync(live);
    await driver.until(() => driver.gauges.values['lost_bytes_total'] !== undefined);
    expect(driver.gauges.values['lost_bytes_total']).toBe(asText(numbered('old', 0, 2000)).length - readBytes);
    expect(driver.store.positions).toEqual([]);
    expect(logger.lines.some((line) => line.startsWith('error') && line.includes('never read'))).toBe(true);
  });

  test('9: truncated to a part of itself, the rest is read again rather than risked', async () => {
    const lines = numbered('a', 0, 20);
    writeFileSync(live, asText(lines));
    const driver = await bench.start();
    await driver.until(() => driver.store.records.length === 20);
    truncateSync(live, asText(lines.slice(0, 5)).length);
    appendFileSync(live, 'after the cut\n');
    await driver.until(() => driver.store.records.length === 26);
    expect(driver.store.texts.slice(20)).toEqual([...lines.slice(0, 5), 'after the cut']);
  });

  test('10: new content with the same first line, and with the same first 2 KiB', async () => {
    for (const shared of ['# the same title line of every file\n', `${'# a long title '.repeat(160)}\n`]) {
      const store = new SourceStore();
      writeFileSync(live, shared + asText(numbered('old', 0, 20)));
      const driver = await bench.start({}, { store });
      await driver.until(() => store.records.length === 21);
      rmSync(live);
      writeFileSync(live, shared + asText(numbered('new', 0, 30)));
      writeFileSync(bench.path('other.log'), shared + asText(numbered('other', 0, 30)));
      await driver.until(() => store.records.length === 83);
      expect(store.texts.filter((text) => /^(new|other)/.test(text)).length).toBe(60);
      await bench.stop(driver);
      rmSync(live);
      rmSync(bench.path('other.log'));
    }
  });
});

describe('deleted and made anew', () => {
  /** Makes the file anew until the file system gives it the same inode; false where it never does. */
  function recreateOnSameInode(content: string): boolean {
    const { ino } = statSync(live);
    rmSync(live);
    for (let i = 0; i < 50; i++) {
      writeFileSync(live, content);
      if (statSync(live).ino === ino) return true;
      renameSync(live, bench.path(`spare-${i}`));
    }
    writeFileSync(live, content);
    return false;
  }

  test.each([
    ['larger', 60],
    ['smaller', 10],
    ['equal in size', 30],
  ])('12: while stopped, on the same inode and %s', async (_what, count) => {
    const store = new SourceStore();
    writeFileSync(live, asText(numbered('old', 0, 30)));
    await bench.once(store, onlyLive());
    recreateOnSameInode(asText(numbered('new', 0, count)));
    const driver = await bench.once(store, onlyLive());
    expect(store.texts.slice(30)).toEqual(numbered('new', 0, count));
    expect(driver.gauges.values['lost_bytes_total']).toBeUndefined();
  });

  test.each([60, 10, 30])('11: while running, with %i lines for 30', async (count) => {
    writeFileSync(live, asText(numbered('old', 0, 30)));
    const driver = await bench.start({ ...onlyLive(), 'open.files.max': '4' });
    await driver.until(() => driver.store.records.length === 30);
    recreateOnSameInode(asText(numbered('new', 0, count)));
    await driver.until(() => driver.store.records.length === 30 + count);
    expect(driver.store.texts.slice(30)).toEqual(numbered('new', 0, count));
  });

  test('a file that vanished while stopped is forgotten, and unread bytes are counted as lost', async () => {
    const store = new SourceStore();
    writeFileSync(live, asText(numbered('old', 0, 100)));
    const driver = await bench.start({ 'batch.size': '10' }, { store });
    await driver.poll();
    await bench.stop(driver);
    expect(store.positions.length).toBe(1);
    const { position, size } = store.positions[0]!.offset as { position: number; size: number };
    rmSync(live);
    const again = await bench.once(store);
    expect(store.positions).toEqual([]);
    expect(again.gauges.values['lost_bytes_total']).toBe(size - position);
  });
});

test('36: modification times in the future or kept by a copy change nothing', async () => {
  const store = new SourceStore();
  writeFileSync(live, asText(numbered('a', 0, 10)));
  utimesSync(live, new Date('2040-01-01'), new Date('2040-01-01'));
  await bench.once(store);
  appendFileSync(live, asText(numbered('a', 10, 20)));
  utimesSync(live, new Date('2001-01-01'), new Date('2001-01-01'));
  await bench.once(store);
  rmSync(live);
  writeFileSync(live, asText(numbered('b', 0, 20)));
  utimesSync(live, new Date('2001-01-01'), new Date('2001-01-01'));
  await bench.once(store);
  expect(store.texts).toEqual([...numbered('a', 0, 20), ...numbered('b', 0, 20)]);
});
