/** Small writes while many wait: which are made on this thread, which by the pool, and that every byte arrives. */

import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { nodeDisk } from '../../../core/base/node-disk.ts';
import { SmallWrites } from '../../../core/base/small-writes.ts';

let folder: string;

beforeEach(() => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'millrace-small-writes-'));
});

afterEach(() => fs.rmSync(folder, { recursive: true }));

/** A pool whose writes end when they are told to, and a clock that goes on by `stepMs` each time somebody looks. */
class HeldPool {
  readonly held: (() => void)[] = [];
  nowMs = 0;
  stepMs = 0;
  readonly writes = new SmallWrites({
    writeInPool: (_, buffers) => {
      const { byteLength } = buffers[0]!;
      return new Promise((resolve) => this.held.push(() => resolve(byteLength)));
    },
    monotonicMs: () => (this.nowMs += this.stepMs),
  });

  end(): void {
    for (const end of this.held.splice(0)) end();
  }
}

test('a few go to the pool, the ones behind them do not wait for it', async () => {
  const pool = new HeldPool();
  const fd = fs.openSync(path.join(folder, 'file'), 'w+');
  const first = Array.from({ length: 4 }, (_, at) => pool.writes.write(fd, [Buffer.from('....')], at * 4));
  const behind = Array.from({ length: 100 }, (_, at) =>
    pool.writes.write(fd, at % 2 === 0 ? [Buffer.from('abcd')] : [Buffer.from('ef'), Buffer.from('gh')], 16 + at * 4),
  );
  expect(await Promise.all(behind)).toEqual(behind.map(() => 4));
  expect(pool.held.length).toBe(4);
  expect(fs.readFileSync(path.join(folder, 'file')).subarray(16).toString()).toBe('abcdefgh'.repeat(50));
  pool.end();
  await Promise.all(first);
  fs.closeSync(fd);
});

test('a large one goes to the pool whoever waits', async () => {
  const pool = new HeldPool();
  const writes = Array.from({ length: 6 }, () => pool.writes.write(-1, [Buffer.alloc(20_000)], 0));
  expect(pool.held.length).toBe(6);
  pool.end();
  await Promise.all(writes);
});

test('while a sync hangs nothing is written on this thread', async () => {
  const pool = new HeldPool();
  let endSync!: () => void;
  const sync = pool.writes.during(() => new Promise<void>((resolve) => (endSync = resolve)));
  pool.nowMs = 40;
  const writes = Array.from({ length: 10 }, () => pool.writes.write(-1, [Buffer.from('x')], 0));
  expect(pool.held.length).toBe(10);
  endSync();
  await sync;
  pool.end();
  await Promise.all(writes);
});

test('after one that stood behind the device the pool writes, and later this thread again', async () => {
  const pool = new HeldPool();
  const fd = fs.openSync(path.join(folder, 'file'), 'w+');
  const write = () => pool.writes.write(fd, [Buffer.from('x')], 0);
  const first = Array.from({ length: 4 }, write);
  const slow = Array.from({ length: 10 }, write);
  pool.stepMs = 11;
  await slow[0];
  pool.stepMs = 0;
  expect(pool.held.length).toBe(13);
  const paused = write();
  expect(pool.held.length).toBe(14);
  pool.nowMs += 300;
  await write();
  expect(pool.held.length).toBe(14);
  pool.end();
  await Promise.all([...first, ...slow, paused]);
  fs.closeSync(fd);
});

test('a write that fails on this thread rejects like one of the pool, and the others succeed', async () => {
  const pool = new HeldPool();
  const fd = fs.openSync(path.join(folder, 'file'), 'w+');
  for (let count = 0; count < 4; count += 1) void pool.writes.write(fd, [Buffer.from('x')], 0);
  const readOnly = fs.openSync(path.join(folder, 'file'), 'r');
  const outcomes = await Promise.allSettled([readOnly, fd].map((to) => pool.writes.write(to, [Buffer.from('y')], 0)));
  expect(outcomes.map(({ status }) => status)).toEqual(['rejected', 'fulfilled']);
  fs.closeSync(fd);
  fs.closeSync(readOnly);
});

test('a thousand files at once hold what was written to them', async () => {
  const names = Array.from({ length: 1000 }, (_, at) => path.join(folder, String(at)));
  const files = await Promise.all(names.map((name) => nodeDisk.open(name, 'create')));
  await Promise.all(files.map((file, at) => file.write([Buffer.from(`file ${at}`), Buffer.from(' ends')], 0)));
  await Promise.all(files.map((file) => file.close()));
  for (const [at, name] of names.entries()) expect(fs.readFileSync(name, 'utf8')).toBe(`file ${at} ends`);
});
