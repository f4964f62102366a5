/** Runs the real `millrace` command as a child process and kills it by its process id. */

import { type ChildProcess, spawn } from 'node:child_process';
import { resolve } from 'node:path';

const bin = resolve(import.meta.dirname, '../../cli/bin.js');

export interface MillraceChild {
  readonly process: ChildProcess;
  /** Everything it printed so far, both streams. */
  output(): string;
  /** Resolves when it ended, with its exit code, or the signal that ended it. */
  readonly ended: Promise<number | NodeJS.Signals>;
  /** SIGKILL: what a power cut of the process looks like. Resolves when it is gone. */
  kill(): Promise<void>;
  /** Resolves when the output matches; rejects when the process ends before. */
  waitFor(pattern: RegExp, timeoutMs?: number): Promise<RegExpExecArray>;
}

const outputLimit = 1_000_000;

export function startMillrace(
  args: readonly string[],
  env: NodeJS.ProcessEnv = {},
  nodeFlags: readonly string[] = [],
): MillraceChild {
  const child = spawn(process.execPath, [...nodeFlags, bin, ...args], {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  const listeners = new Set<() => void>();
  const take = (chunk: Buffer) => {
    output = (output + chunk.toString()).slice(-outputLimit);
    for (const listener of listeners) listener();
  };
  child.stdout.on('data', take);
  child.stderr.on('data', take);
  const ended = new Promise<number | NodeJS.Signals>((settle) => {
    child.on('close', (code, signal) => {
      settle(signal ?? code ?? 0);
      for (const listener of listeners) listener();
    });
  });
  return {
    process: child,
    output: () => output,
    ended,
    async kill() {
      child.kill('SIGKILL');
      await ended;
    },
    waitFor(pattern, timeoutMs = 30_000) {
      return new Promise((settle, reject) => {
        const timer = setTimeout(
          () => finish(new Error(`${pattern} not seen in ${timeoutMs} ms:\n${output}`)),
          timeoutMs,
        );
        const finish = (result: RegExpExecArray | Error) => {
          clearTimeout(timer);
          listeners.delete(look);
          if (result instanceof Error) reject(result);
          else settle(result);
        };
        const look = () => {
          const match = pattern.exec(output);
          if (match !== null) finish(match);
          else if (child.exitCode !== null || child.signalCode !== null)
            finish(new Error(`ended before ${pattern}:\n${output}`));
        };
        listeners.add(look);
        look();
      });
    },
  };
}
