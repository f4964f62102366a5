/** The file source obeys the rules of every source. */

import { writeFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { checkSourceRules, SourceStore } from '../../kits/source-kit.ts';
import { asText, numbered, Workbench } from './workbench.ts';

let bench: Workbench;
beforeEach(() => {
  bench = new Workbench();
});
afterEach(() => bench.dispose());

test('reads lines once, in order, and then nothing more', async () => {
  writeFileSync(bench.path('a.log'), 'one\ntwo\r\n\nlast');
  const store = new SourceStore();
  await bench.once(store);
  expect(store.texts).toEqual(['one', 'two', '', 'last']);
  await bench.once(store);
  expect(store.records.length).toBe(4);
});

test('follows appended lines', async () => {
  writeFileSync(bench.path('a.log'), 'one\n');
  const driver = await bench.start();
  await driver.until(() => driver.store.records.length === 1);
  writeFileSync(bench.path('a.log'), 'two\n', { flag: 'a' });
  await driver.until(() => driver.store.records.length === 2);
  expect(driver.store.texts).toEqual(['one', 'two']);
});

test('obeys the rules of the port', async () => {
  writeFileSync(bench.path('a.log'), asText(numbered('a', 0, 60)));
  writeFileSync(bench.path('b.log'), asText(numbered('b', 0, 60)));
  writeFileSync(bench.path('c.log.gz'), gzipSync(asText(numbered('c', 0, 60))));
  await checkSourceRules({ options: bench.options({}), progress: (offset) => Number(offset['position'] ?? 0) });
});
