/** rsyslog as the peer of the read side: follows files and writes their lines into one file, with a queue as its manual advises for speed. */

import { execFile, spawn } from 'node:child_process';
import { createReadStream, existsSync, mkdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import type { Input } from '../main-job/input.ts';
import { mustEqual } from '../main-job/millrace.ts';
import { type Cost, startSampling } from '../measure.ts';

const run = promisify(execFile);
const program = '/usr/sbin/rsyslogd';
const lookEveryMs = 20;
const longestRunMs = 600_000;

/** Installs it from Debian when that is possible; says why not otherwise. */
export async function rsyslogIsInstalled(): Promise<boolean> {
  if (existsSync(program)) return true;
  if (process.getuid?.() === 0) await run('apt-get', ['install', '-y', '-q', 'rsyslog']).catch(() => {});
  if (existsSync(program)) return true;
  console.error('rsyslog is left out: install it from Debian (package rsyslog), or run this as root');
  return false;
}

/** From its start until the output is complete and it has ended by SIGTERM. It does not sync what it writes. */
export async function runRsyslog(folder: string, input: Input): Promise<Cost> {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const output = join(folder, 'out.log');
  const settings = join(folder, 'rsyslog.conf');
  writeFileSync(settings, configuration(folder, output, input));
  const started = performance.now();
  const child = spawn(program, ['-n', '-f', settings, '-i', join(folder, 'pid')], { stdio: 'ignore' });
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const sampling = startSampling(child);
  try {
    while (sizeOf(output) < input.bytes) {
      if (child.exitCode !== null) throw new Error(`rsyslog ended with ${child.exitCode}`);
      if (performance.now() - started > longestRunMs) throw new Error(`rsyslog wrote ${sizeOf(output)} bytes`);
      await sleep(lookEveryMs);
    }
  } finally {
    child.kill('SIGTERM');
    await ended;
  }
  const { cpuSeconds, peakRssMb } = sampling.stop();
  const wallSeconds = (performance.now() - started) / 1000;
  mustEqual('lines written by rsyslog', await countLines(output), input.lines);
  return { cpuSeconds, peakRssMb, wallSeconds };
}

function configuration(folder: string, output: string, { paths }: Input): string {
  const inputs = paths.map((path, index) => `input(type="imfile" File="${path}" Tag="t${index}" Ruleset="copy")`);
  return `global(workDirectory="${folder}" maxMessageSize="64k")
module(load="imfile" mode="inotify")
template(name="line" type="string" string="%msg%\\n")
ruleset(name="copy" queue.type="FixedArray" queue.size="200000" queue.dequeueBatchSize="8192"
  queue.workerThreads="1" queue.timeoutEnqueue="600000") {
  action(type="omfile" file="${output}" template="line" ioBufferSize="256k" flushOnTXEnd="on" asyncWriting="off")
}
${inputs.join('\n')}
`;
}

function sizeOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0;
}

async function countLines(path: string): Promise<number> {
  let lines = 0;
  for await (const chunk of createReadStream(path, { highWaterMark: 1024 * 1024 })) {
    const bytes = chunk as Buffer;
    for (let at = bytes.indexOf(0x0a); at >= 0; at = bytes.indexOf(0x0a, at + 1)) lines += 1;
  }
  return lines;
}
