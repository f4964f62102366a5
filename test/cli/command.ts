/** Runs the `millrace` command to its end the way a person does, each stream by itself. */

import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { onTestFinished } from 'vitest';

export const bin = resolve(import.meta.dirname, '../../cli/bin.js');

export interface CommandEnd {
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
  readonly wallMs: number;
}

export interface CommandOptions {
  readonly env?: NodeJS.ProcessEnv;
  readonly cwd?: string;
  readonly nodeFlags?: readonly string[];
  /** Who runs it, for what root may do and others may not. */
  readonly uid?: number;
}

export function millrace(args: readonly string[], options: CommandOptions = {}): Promise<CommandEnd> {
  const { env = {}, cwd, nodeFlags = [], uid } = options;
  const started = performance.now();
  const child = spawn(process.execPath, [...nodeFlags, bin, ...args], {
    cwd,
    uid,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const streams = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].on('data', (chunk: Buffer) => {
      streams[name] += chunk;
    });
  }
  onTestFinished(() => void child.kill('SIGKILL'));
  return new Promise((settle, reject) => {
    child.on('error', reject);
    child.on('close', (exitCode) => settle({ exitCode, ...streams, wallMs: performance.now() - started }));
  });
}

/** A folder that is gone when the test is over. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-cli-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** Ports picked by the system, so that tests run side by side. */
export const anyPorts = ['--listen', '127.0.0.1:0', '--rest', '127.0.0.1:0'];
