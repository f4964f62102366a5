/** Help, mistakes on the command line, and a runtime that is too old: each says what to do and ends with its exit code. */

import { spawnSync } from 'node:child_process';
import { describe, expect, test } from 'vitest';
import { bin, millrace } from './command.ts';

const verbs = ['up', 'broker', 'validate', 'status', 'schema', 'topics'];

describe('help', () => {
  test('lists every verb', async () => {
    const { exitCode, stdout, stderr } = await millrace(['--help']);
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
    for (const verb of verbs) expect(stdout).toMatch(new RegExp(`^  ${verb} `, 'm'));
  });

  test('of a verb tells its options with their defaults, asked for either way', async () => {
    const asked = await millrace(['up', '--help']);
    expect(asked.exitCode).toBe(0);
    for (const text of ['--once', '--data-dir', '".millrace"', '127.0.0.1:9092', '127.0.0.1:8083']) {
      expect(asked.stdout).toContain(text);
    }
    expect(await millrace(['help', 'up'])).toMatchObject({ exitCode: 0, stdout: asked.stdout });
  });

  test('is what no verb at all gets, with the exit code of a mistake', async () => {
    const { exitCode, stdout, stderr } = await millrace([]);
    expect(exitCode).toBe(2);
    expect(stdout + stderr).toContain('Usage: millrace');
  });

  test('the version is the one of the package', async () => {
    const { exitCode, stdout } = await millrace(['--version']);
    expect(exitCode).toBe(0);
    expect(stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
  });
});

describe('mistakes on the command line', () => {
  test.each([
    ['an unknown verb', ['validat', 'x.yaml'], /unknown command 'validat'[\s\S]*validate/],
    ['an unknown option', ['up', '--onec'], /unknown option '--onec'[\s\S]*--once/],
    ['an option without its value', ['up', '--data-dir'], /--data-dir/],
    ['a choice there is not', ['up', '--durability', 'never'], /strict, default, os/],
    [
      'an address that is none',
      ['up', '--listen', 'nowhere:at-all'],
      /"nowhere:at-all" is not an address \(--listen\)/,
    ],
    ['a port beyond the last', ['broker', '--listen', ':70000'], /":70000" is not an address/],
    ['a missing argument', ['topics', 'consume'], /topic/],
    ['a file that is not there', ['up', '/no/such/file.yaml'], /\/no\/such\/file\.yaml[\s\S]*no such file/],
  ])('%s', async (_name, args, message) => {
    const { exitCode, stdout, stderr } = await millrace(args);
    expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: '' });
    expect(stderr).toMatch(message);
    expect(stderr).not.toMatch(/\n {4}at /);
  });

  test('nobody at the address is told with the address, as a matter of the environment', async () => {
    const status = await millrace(['status', '--rest', '127.0.0.1:1']);
    expect(status.exitCode).toBe(3);
    expect(status.stderr).toMatch(/cli\/unreachable: .*127\.0\.0\.1:1.*millrace up/);
    const topics = await millrace(['topics', 'consume', 'any', '--bootstrap', '127.0.0.1:1']);
    expect(topics.exitCode).toBe(3);
    expect(topics.stderr).toContain('127.0.0.1:1');
  });
});

test('a runtime that is too old is named, with what is needed', async () => {
  const pretend = 'Object.defineProperty(process, "versions", { value: { ...process.versions, node: "20.20.2" } })';
  const { exitCode, stdout, stderr } = await millrace(['--help'], {
    nodeFlags: ['--import', `data:text/javascript,${encodeURIComponent(pretend)}`],
  });
  expect({ exitCode, stdout }).toEqual({ exitCode: 3, stdout: '' });
  expect(stderr).toMatch(/needs Node\.js 22\.\d+ or newer, this is 20\.20\.2/);
});

test('a reader that goes away ends the command quietly', () => {
  const { status, stdout, stderr } = spawnSync('bash', ['-c', `"${process.execPath}" "${bin}" schema | head -n 1`], {
    encoding: 'utf8',
  });
  expect({ status, stdout, stderr }).toEqual({ status: 0, stdout: '{\n', stderr: '' });
});
