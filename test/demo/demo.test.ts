/** `npm run demo` as a newcomer runs it: as whoever they are, to its end and stopped half-way, and with options it does not have. */

import { spawn } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';

const program = resolve(import.meta.dirname, '../../demo/main.ts');

interface DemoRun {
  readonly kill: (signal: NodeJS.Signals) => void;
  readonly stdout: () => string;
  /** Resolves when standard output holds what matches. */
  readonly said: (pattern: RegExp) => Promise<void>;
  readonly end: Promise<{ readonly exitCode: number | null; readonly stdout: string; readonly stderr: string }>;
}

function demo(args: readonly string[], uid?: number): DemoRun {
  const child = spawn(process.execPath, [program, ...args], { uid, gid: uid, stdio: ['ignore', 'pipe', 'pipe'] });
  onTestFinished(() => void child.kill('SIGTERM'));
  let stdout = '';
  let stderr = '';
  const waiting = new Set<() => void>();
  child.stdout.on('data', (chunk) => {
    stdout += chunk;
    for (const look of waiting) look();
  });
  child.stderr.on('data', (chunk) => {
    stderr += chunk;
  });
  const end = new Promise<Awaited<DemoRun['end']>>((settle, reject) => {
    child.on('error', reject);
    child.on('close', (exitCode) => settle({ exitCode, stdout, stderr }));
  });
  const said = (pattern: RegExp) => {
    const found = Promise.withResolvers<void>();
    const look = () => pattern.test(stdout) && found.resolve();
    waiting.add(look);
    look();
    void end.then(() => found.reject(new Error(`it ended without saying ${pattern}:\n${stdout}${stderr}`)));
    return found.promise;
  };
  return { kill: (signal) => child.kill(signal), stdout: () => stdout, said, end };
}

const folderIn = (stdout: string) => /starting in (\S+)/.exec(stdout)?.[1] ?? 'none was told';
const topicsIn = (folder: string) => {
  const objects = join(folder, 'objects/topics');
  const names = existsSync(objects) ? readdirSync(objects) : [];
  return names.filter((name) => name.startsWith('shop.')).sort();
};
function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

const changesIn = (stdout: string) => stdout.split('\n').filter((line) => /^\d\d:\d\d:\d\d\.\d{3} /.test(line));

describe('the demo', () => {
  const users = process.getuid?.() === 0 ? [undefined, 65_534] : [undefined];
  test.each(users)('as user %s: shows each kind of change on plain lines, and removes all at Ctrl-C', async (uid) => {
    const run = demo(['--rate', '20'], uid);
    for (const table of ['customers', 'products', 'orders', 'order_lines']) {
      await run.said(new RegExp(`^[0-9:.]+ +snapshot  ${table} +(order_)?id \\d+`, 'm'));
    }
    await run.said(/\d ms {2}insert {4}order_lines {2}order_id \d+, product_id \d+ {3}quantity \d$/m);
    await run.said(/\d ms {2}update {4}orders +id \d+ {3}status new → paid$/m);
    await run.said(/\d ms {2}update {4}products +id \d+ {3}price [\d.]+ → [\d.]+$/m);
    await run.said(/\d ms {2}delete {4}orders +id \d+ {3}customer_id \d+, status \w+, total [\d.]+$/m);
    await expect.poll(() => topicsIn(folderIn(run.stdout()))).toHaveLength(4);
    run.kill('SIGINT');
    const { stdout, stderr, exitCode } = await run.end;
    expect(stderr).toBe('\nstopping; once more ends at once\n');
    expect(exitCode).toBe(0);
    expect(stdout).toMatch(/ {2}PostgreSQL {2}postgres:\/\/shop:shop@127\.0\.0\.1:\d+\/shop\n/);
    expect(stdout).toMatch(/ {2}topics {6}127\.0\.0\.1:\d+\n/);
    expect(stdout).toMatch(/ {2}REST {8}http:\/\/127\.0\.0\.1:\d+\n/);
    expect(stdout).toContain('examples/shop.yaml\n');
    expect(stdout).not.toContain('\u001b');
    const count = changesIn(stdout).length;
    expect(stdout).toMatch(
      new RegExp(`\\n${count} changes of 4 tables in .* s, half .* ms; [1-9]\\d* objects written\\n$`),
    );
    expect(existsSync(folderIn(stdout))).toBe(false);
  });

  test('ends by itself after the time it is given', async () => {
    const { stdout, stderr, exitCode } = await demo(['--for', '1s']).end;
    expect({ stderr, exitCode }).toEqual({ stderr: '', exitCode: 0 });
    expect(existsSync(folderIn(stdout))).toBe(false);
  });

  test('is stopped by Ctrl-C, and keeps what it is told to keep', async () => {
    const run = demo(['--keep', '--rate', '0']);
    await run.said(/ snapshot {2}products /);
    const topics = ['customers', 'order_lines', 'orders', 'products'].map((table) => `shop.public.${table}`);
    await expect.poll(() => topicsIn(folderIn(run.stdout()))).toEqual(topics);
    run.kill('SIGINT');
    const { stdout, stderr, exitCode } = await run.end;
    const folder = folderIn(stdout);
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
    expect(exitCode).toBe(0);
    expect(stderr).toBe('\nstopping; once more ends at once\n');
    expect(stdout).toMatch(new RegExp(`kept in ${folder}\\n$`));
    expect(topicsIn(folder)).toEqual(topics);
    expect(existsSync(join(folder, 'postgres/data/postmaster.pid'))).toBe(false);
  });

  test('told twice, it ends at once, and so does its PostgreSQL', async () => {
    const run = demo(['--rate', '50']);
    await run.said(/ insert {4}orders /);
    const folder = folderIn(run.stdout());
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
    const postgres = Number(readFileSync(join(folder, 'postgres/data/postmaster.pid'), 'utf8').split('\n')[0]);
    expect(isAlive(postgres)).toBe(true);
    run.kill('SIGINT');
    run.kill('SIGTERM');
    expect([0, 130, 143]).toContain((await run.end).exitCode);
    await expect.poll(() => isAlive(postgres)).toBe(false);
  });
});

test.each([
  [['--fast'], "unknown option '--fast'"],
  [['--rate', 'many'], 'Write a number from 0 to 1000.'],
  [['--rate', '1001'], 'Write a number from 0 to 1000.'],
  [['--for', '20'], 'Write a number with its unit, such as 20s or 5m.'],
  [['now'], 'too many arguments'],
])('%j is refused with what to write', async (args, message) => {
  const { stdout, stderr, exitCode } = await demo(args).end;
  expect(stdout).toBe('');
  expect(stderr).toContain(message);
  expect(stderr).toContain('npm run demo -- --help');
  expect(exitCode).toBe(2);
});

test('says what there is', async () => {
  const { stdout, exitCode } = await demo(['--help']).end;
  expect(stdout).toMatch(/Usage: npm run demo -- \[options\]/);
  for (const option of ['--rate <number>', '--for <duration>', '--keep']) expect(stdout).toContain(option);
  expect(exitCode).toBe(0);
});
