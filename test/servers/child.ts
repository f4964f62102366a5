/** Starts one program for a test in its own process, waits until it answers, and stops it by its process id. */

import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';

export const run = promisify(execFile);

/** Downloads and builds of the starters are kept here, once per machine; the variable moves it. */
export function cacheFolder(name: string): string {
  const root = process.env['MILLRACE_TEST_CACHE'] ?? join(homedir(), '.cache', 'millrace-test-servers');
  return join(root, name);
}

export async function temporaryFolder(name: string): Promise<{ path: string; remove(): Promise<void> }> {
  const path = await mkdtemp(join(tmpdir(), `millrace-${name}-`));
  return { path, remove: () => rm(path, { recursive: true, force: true }) };
}

/** The environment without what would change how Java programs run or what they print. */
export function cleanEnv(): NodeJS.ProcessEnv {
  const { JAVA_TOOL_OPTIONS: _, _JAVA_OPTIONS: __, CLASSPATH: ___, ...env } = process.env;
  return env;
}

export interface ServerProcess {
  readonly pid: number;
  /** SIGTERM, and SIGKILL when that is not obeyed within 20 seconds; resolves when the process is gone. */
  stop(): Promise<void>;
  /** What a crash does. */
  kill(): Promise<void>;
  /** Freezes the process: its sockets stay open and silent. */
  pause(): void;
  resume(): void;
}

export interface ServerOptions {
  readonly command: string;
  readonly args: readonly string[];
  readonly folder: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Whom the process belongs to; us unless told. */
  readonly owner?: { readonly uid: number; readonly gid: number } | undefined;
  /** Asked every 100 ms until it answers true. */
  readonly isReady: (log: string) => Promise<boolean> | boolean;
  readonly timeoutMs?: number;
}

export async function startServer(options: ServerOptions): Promise<ServerProcess> {
  await mkdir(options.folder, { recursive: true });
  const logPath = join(options.folder, 'server.log');
  const log = openSync(logPath, 'w');
  const child = spawn(options.command, [...options.args], {
    cwd: options.folder,
    env: { ...cleanEnv(), ...options.env },
    ...options.owner,
    stdio: ['ignore', log, log],
  });
  closeSync(log);
  // A test run that is itself ended early leaves nothing behind.
  const killWithUs = () => void child.kill('SIGKILL');
  process.once('exit', killWithUs);
  const exited = new Promise<void>((resolve) => {
    child.once('exit', () => {
      process.off('exit', killWithUs);
      resolve();
    });
    child.once('error', () => resolve());
  });
  const server = serverProcess(child, exited);
  const deadlineMs = performance.now() + (options.timeoutMs ?? 120_000);
  while (performance.now() < deadlineMs && child.exitCode === null && child.pid !== undefined) {
    if (await options.isReady(await readFile(logPath, 'utf8'))) return server;
    await sleep(100);
  }
  await server.kill();
  const tail = (await readFile(logPath, 'utf8')).split('\n').slice(-30).join('\n');
  throw new Error(`${options.command} did not start:\n${tail}`);
}

function serverProcess(child: ChildProcess, exited: Promise<void>): ServerProcess {
  const end = async (signal: NodeJS.Signals) => {
    if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return;
    child.kill('SIGCONT');
    child.kill(signal);
    const killer = setTimeout(() => child.kill('SIGKILL'), 20_000);
    await exited;
    clearTimeout(killer);
  };
  return {
    pid: child.pid ?? -1,
    stop: () => end('SIGTERM'),
    kill: () => end('SIGKILL'),
    pause: () => void child.kill('SIGSTOP'),
    resume: () => void child.kill('SIGCONT'),
  };
}

/** True when the program is on the path. */
export async function isInstalled(command: string): Promise<boolean> {
  return run('sh', ['-c', `command -v ${command}`]).then(
    () => true,
    () => false,
  );
}
