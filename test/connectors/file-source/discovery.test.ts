/** Which files are found, under what names, and what happens where the system says no (scenarios 4, 13, 14, 17, 29–31, 42, 43). */

import { execFileSync } from 'node:child_process';
import {
  appendFileSync,
  chmodSync,
  chownSync,
  linkSync,
  mkdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { connector } from '../../../connectors/file-source/index.ts';
import { MemoryLogger, SourceStore } from '../../kits/source-kit.ts';
import { asText, numbered, Workbench } from './workbench.ts';

let bench: Workbench;
beforeEach(() => {
  bench = new Workbench();
});
afterEach(() => bench.dispose());

async function found(settings: Record<string, string>): Promise<string[]> {
  const store = new SourceStore();
  await bench.once(store, settings);
  return store.texts.toSorted();
}

function write(name: string): void {
  mkdirSync(path.dirname(bench.path(name)), { recursive: true });
  writeFileSync(bench.path(name), `${name}\n`);
}

describe('names', () => {
  test('42: spaces, quotes, newlines, emoji, glob characters and 255 bytes', async () => {
    const names = ['a b.log', `q'"q.log`, 'n\nl.log', '🙂.log', '[x]{y}*?.log', `${'n'.repeat(251)}.log`];
    for (const name of names) writeFileSync(bench.path(name), `${JSON.stringify(name)}\n`);
    expect(await found({ paths: bench.path('*.log') })).toEqual(names.map((name) => JSON.stringify(name)).toSorted());
    const escaped = bench.path('[x]{y}*?.log');
    expect(await found({ paths: escaped })).toContain(JSON.stringify('[x]{y}*?.log'));
  });

  test('42: a name that is no UTF-8', async () => {
    const raw = Buffer.concat([Buffer.from(`${bench.folder}/x`), Buffer.from([0xff, 0xe9]), Buffer.from('.log')]);
    writeFileSync(raw, 'odd\n');
    write('plain.log');
    const store = new SourceStore();
    await bench.once(store, { paths: bench.path('*.log') });
    expect(store.texts.toSorted()).toEqual(['odd', 'plain.log']);
    expect(store.positions.map(({ partition }) => path.basename(String(partition['filename']))).toSorted()).toEqual([
      'plain.log',
      'x\\xff\\xe9.log',
    ]);
    await bench.once(store, { paths: bench.path('*.log') });
    expect(store.records.length).toBe(2);
  });

  test('42: braces, folders at any depth, several patterns and exclusions', async () => {
    for (const name of ['a.log', 'b.txt', 'c.md', 'x/d.log', 'x/y/e.log', 'x/scratch/f.log', 'z/g.log']) write(name);
    expect(await found({ paths: bench.path('*.{log,txt}') })).toEqual(['a.log', 'b.txt']);
    expect(await found({ paths: bench.path('**/*.log') })).toEqual([
      'a.log',
      'x/d.log',
      'x/scratch/f.log',
      'x/y/e.log',
      'z/g.log',
    ]);
    expect(await found({ paths: bench.path('x/*/*.log') })).toEqual(['x/scratch/f.log', 'x/y/e.log']);
    const some = { paths: `${bench.path('*.log')},${bench.path('**/*.log')}`, exclude: '**/scratch/**,g.*' };
    expect(await found(some)).toEqual(['a.log', 'x/d.log', 'x/y/e.log']);
  });

  test('43: hidden files and folders need a pattern that asks for them', async () => {
    for (const name of ['.a.log.swp', '.hidden.log', 'a.log', 'b.log.filepart', '.git/c.log']) write(name);
    expect(await found({ paths: bench.path('**/*.log*'), exclude: '*.filepart' })).toEqual(['a.log']);
    expect(await found({ paths: bench.path('.*.log') })).toEqual(['.hidden.log']);
  });

  test('a FileStreamSource configuration works as it is', async () => {
    write('plain.txt');
    const settings = {
      name: 'x',
      'connector.class': 'FileStreamSource',
      topic: 't',
      file: bench.path('plain.txt'),
      'batch.size': '2000',
    };
    expect(await connector.plan(settings, 4)).toEqual([settings]);
  });
});

describe('links', () => {
  test('13: hard links and symbolic links to one file are read once', async () => {
    writeFileSync(bench.path('a.log'), asText(numbered('a', 0, 5)));
    linkSync(bench.path('a.log'), bench.path('hard.log'));
    symlinkSync(bench.path('a.log'), bench.path('soft.log'));
    const driver = await bench.start();
    await driver.until(() => driver.store.records.length === 5);
    unlinkSync(bench.path('a.log'));
    appendFileSync(bench.path('hard.log'), 'more\n');
    await driver.until(() => driver.store.records.length === 6);
    await driver.during(300);
    expect(driver.store.records.length).toBe(6);
  });

  test('14: a link is pointed elsewhere; dangling links, loops and folders named like logs are harmless', async () => {
    mkdirSync(bench.path('data'));
    for (const name of ['one', 'two']) writeFileSync(bench.path(`data/${name}`), asText(numbered(name, 0, 5)));
    symlinkSync('data/one', bench.path('current.log'));
    symlinkSync('nowhere', bench.path('dangling.log'));
    symlinkSync('self.log', bench.path('self.log'));
    symlinkSync('.', bench.path('loop'));
    mkdirSync(bench.path('folder.log'));
    const driver = await bench.start({ paths: bench.path('**/*.log'), 'rotated.timeout.ms': '1m' });
    await driver.until(() => driver.store.records.length === 5);
    symlinkSync('data/two', bench.path('next'));
    renameSync(bench.path('next'), bench.path('current.log'));
    appendFileSync(bench.path('data/one'), 'the old target goes on\n');
    await driver.until(() => driver.store.records.length === 11);
    await driver.during(300);
    expect(driver.store.records.length).toBe(11);
  });
});

describe('refusals', () => {
  /** Root may read everything, so it plays somebody who may not, until the test is over. */
  const becomeNobody = () => {
    if (process.geteuid?.() !== 0) return;
    const nobody = 65_534;
    chownSync(bench.folder, nobody, nobody);
    process.seteuid?.(nobody);
    onTestFinished(() => process.seteuid?.(0));
  };

  test('17: permission is denied, then granted, then taken away while open', async () => {
    becomeNobody();
    const logger = new MemoryLogger();
    writeFileSync(bench.path('a.log'), 'one\n', { mode: 0o000 });
    write('b.log');
    const driver = await bench.start({}, { logger });
    await driver.until(() => logger.lines.some((line) => line.includes('EACCES')));
    await driver.until(() => driver.store.records.length === 1);
    chmodSync(bench.path('a.log'), 0o600);
    await driver.until(() => driver.store.records.length === 2);
    chmodSync(bench.path('a.log'), 0o200);
    appendFileSync(bench.path('a.log'), 'two\n');
    await driver.until(() => driver.store.records.length === 3);
    expect(logger.lines.filter((line) => line.includes('EACCES')).length).toBe(1);
  });

  test('17: a folder that cannot be entered keeps its positions', async () => {
    const store = new SourceStore();
    mkdirSync(bench.path('logs'));
    writeFileSync(bench.path('logs/a.log'), asText(numbered('a', 0, 5)));
    const settings = { paths: bench.path('logs/*.log') };
    await bench.once(store, settings);
    // As an unmounted file system looks; a folder without the right to enter it looks the same to the task.
    renameSync(bench.path('logs'), bench.path('away'));
    await bench.once(store, settings);
    expect(store.positions.length).toBe(1);
    renameSync(bench.path('away'), bench.path('logs'));
    appendFileSync(bench.path('logs/a.log'), 'more\n');
    await bench.once(store, settings);
    expect(store.texts).toEqual([...numbered('a', 0, 5), 'more']);
  });

  test('31: a thousand files within a budget of a few descriptors', async () => {
    for (let i = 0; i < 1000; i++) writeFileSync(bench.path(`${i}.log`), asText(numbered(`f${i}`, 0, 3)));
    const driver = await bench.start({ 'open.files.max': '8', watch: 'never' });
    await driver.until(() => driver.store.records.length === 3000, 30_000);
    expect(driver.gauges.values['open_files']).toBeLessThanOrEqual(8);
    for (let i = 0; i < 1000; i += 100) appendFileSync(bench.path(`${i}.log`), 'more\n');
    await driver.until(() => driver.store.records.length === 3010);
  });

  test('31: a thousand files in a process that may open 64', () => {
    for (let i = 0; i < 1000; i++) writeFileSync(bench.path(`${i}.log`), asText(numbered(`f${i}`, 0, 3)));
    const script = path.join(import.meta.dirname, 'run-once.ts');
    const command = `ulimit -n 64 && exec "$0" "$1" "$2"`;
    const output = execFileSync('sh', ['-c', command, process.execPath, script, bench.path('*.log')], {
      encoding: 'utf8',
    });
    expect(output.trim()).toBe('3000 records of 1000 files');
  });
});

describe('without the help of the operating system', () => {
  test('30: scanning alone gives the same', async () => {
    const driver = await bench.start({ watch: 'never' });
    write('late.log');
    await driver.until(() => driver.store.records.length === 1);
    appendFileSync(bench.path('late.log'), 'more\n');
    await driver.until(() => driver.store.records.length === 2);
    renameSync(bench.path('late.log'), bench.path('late.log.1'));
    appendFileSync(bench.path('late.log.1'), 'still more\n');
    await driver.until(() => driver.store.records.length === 3);
    expect(driver.gauges.values['watching']).toBe(0);
  });

  test('29: everything is found by scanning when all hints were lost', async () => {
    mkdirSync(bench.path('d'));
    const driver = await bench.start({ paths: bench.path('d/*.log') });
    await driver.poll();
    // The loop is blocked all this time, as it is when the queue of the system overflows.
    for (let i = 0; i < 1000; i++) writeFileSync(bench.path(`d/${i}.log`), `${i}\n`);
    await driver.until(() => driver.store.records.length === 1000, 30_000);
  });

  test('4: a file that is there for a moment is read if it was seen, and never stops anything', async () => {
    const driver = await bench.start();
    for (let i = 0; i < 20; i++) {
      write(`short-${i}.log`);
      if (i % 2 === 0) await driver.poll(AbortSignal.timeout(30));
      rmSync(bench.path(`short-${i}.log`));
    }
    write('end.log');
    await driver.until(() => driver.store.texts.includes('end.log'));
    expect(new Set(driver.store.texts).size).toBe(driver.store.texts.length);
  });
});
