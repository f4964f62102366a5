/** What the machine may refuse: ports, folders and locks. Each is told with its place and ends with the exit code for it. */

import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { startMillrace } from '../crash/millrace-child.ts';
import { anyPorts, millrace, temporaryFolder } from './command.ts';

function pipelineIn(folder: string): string {
  const path = join(folder, 'pipeline.yaml');
  writeFileSync(path, `pipeline: job\nsource: { connector: file, paths: ${folder}/*.log }\n`);
  return path;
}

/** A port somebody else listens on until the test is over. */
async function takenPort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  onTestFinished(() => void server.close());
  const address = server.address();
  return typeof address === 'object' && address !== null ? address.port : 0;
}

test.each([
  ['of the broker', (taken: number) => ['--listen', `127.0.0.1:${taken}`, '--rest', '127.0.0.1:0'], 'broker/listen'],
  ['of REST', (taken: number) => ['--listen', '127.0.0.1:0', '--rest', `127.0.0.1:${taken}`], 'worker/rest-listen'],
])('a port %s that is in use is named', async (_name, addresses, code) => {
  const folder = temporaryFolder();
  const taken = await takenPort();
  const args = ['up', pipelineIn(folder), '--data-dir', join(folder, 'data'), ...addresses(taken)];
  const { exitCode, stderr } = await millrace([...args, '--log-level', 'warn']);
  expect(exitCode).toBe(3);
  expect(stderr).toContain(code);
  expect(stderr).toContain(`127.0.0.1:${taken}`);
  expect(stderr).toMatch(/in use/);
});

test('a data directory that another process works on is left alone', async () => {
  const folder = temporaryFolder();
  const dataDir = join(folder, 'data');
  const first = startMillrace(['broker', '--data-dir', dataDir, '--listen', '127.0.0.1:0']);
  onTestFinished(() => first.kill());
  await first.waitFor(/^broker\s/m);
  const second = await millrace(['up', pipelineIn(folder), '--data-dir', dataDir, ...anyPorts]);
  expect(second.exitCode).toBe(3);
  expect(second.stderr).toContain(dataDir);
  expect(second.stderr).toMatch(/lock|another process/i);
  first.process.kill('SIGTERM');
  expect(await first.ended).toBe(0);
});

test('a data directory that may not be written is named', async () => {
  const folder = temporaryFolder();
  const dataDir = join(folder, 'closed', 'data');
  mkdirSync(join(folder, 'closed'), { mode: 0o555 });
  chmodSync(folder, 0o755);
  // Root may write everywhere, so it steps down.
  const nobody = process.getuid?.() === 0 ? { uid: 65_534 } : {};
  const { exitCode, stderr } = await millrace(['broker', '--data-dir', dataDir, '--listen', '127.0.0.1:0'], nobody);
  expect(exitCode).toBe(3);
  expect(stderr).toContain(join(folder, 'closed'));
  expect(stderr).toMatch(/disk\/denied|may not|denied/i);
});

test('a data directory that is a file is named', async () => {
  const folder = temporaryFolder();
  const dataDir = join(folder, 'data');
  writeFileSync(dataDir, '');
  const { exitCode, stderr } = await millrace(['broker', '--data-dir', dataDir, '--listen', '127.0.0.1:0']);
  expect(exitCode).toBe(3);
  expect(stderr).toContain(dataDir);
});
