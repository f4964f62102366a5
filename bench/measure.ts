/** What a process cost: CPU-seconds and peak memory as the kernel counts them, wall time, medians and spread over runs. */

import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';

/** Linux counts process time in hundredths of a second wherever Node runs (USER_HZ). */
const ticksPerSecond = 100;

export interface Cost {
  readonly wallSeconds: number;
  readonly cpuSeconds: number;
  readonly peakRssMb: number;
}

export interface ProcessSample {
  readonly cpuSeconds: number;
  readonly peakRssMb: number;
}

/** User and system time of all threads so far and the highest resident size; throws when the process is gone. */
export function sampleProcess(pid: number): ProcessSample {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  // The second field is the program's name in brackets and may hold spaces.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const cpuSeconds = (Number(fields[11]) + Number(fields[12])) / ticksPerSecond;
  const peak = /VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'));
  return { cpuSeconds, peakRssMb: Number(peak?.[1] ?? 0) / 1024 };
}

const sampleEveryMs = 20;

/** Runs a command to its end; throws with its output when it fails. */
export function measureCommand(
  command: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv = {},
): Promise<Cost & { output: string }> {
  return new Promise((resolve, reject) => {
    const started = performance.now();
    const child = spawn(command, args, { env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    child.stdout.on('data', (chunk: Buffer) => {
      output += chunk;
    });
    child.stderr.on('data', (chunk: Buffer) => {
      output += chunk;
    });
    const sampler = startSampling(child);
    child.on('error', reject);
    child.on('close', (code) => {
      const { cpuSeconds, peakRssMb } = sampler.stop();
      const wallSeconds = (performance.now() - started) / 1000;
      if (code === 0) resolve({ wallSeconds, cpuSeconds, peakRssMb, output });
      else reject(new Error(`${command} ${args.join(' ')} ended with ${code}:\n${output}`));
    });
  });
}

/** Keeps the last sample of a process, because nothing is left to read once it has ended. */
export function startSampling(child: ChildProcess): { stop(): ProcessSample } {
  let last: ProcessSample = { cpuSeconds: 0, peakRssMb: 0 };
  const sample = () => {
    try {
      if (child.pid !== undefined) last = sampleProcess(child.pid);
    } catch {
      // The process has just ended: the last sample stands.
    }
  };
  const interval = setInterval(sample, sampleEveryMs);
  return {
    stop() {
      sample();
      clearInterval(interval);
      return last;
    },
  };
}

export interface Spread {
  readonly min: number;
  readonly median: number;
  readonly max: number;
}

export function spreadOf(values: readonly number[]): Spread {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (index: number) => sorted[index] ?? Number.NaN;
  const middle = sorted.length / 2;
  const median = sorted.length % 2 === 1 ? at(Math.floor(middle)) : (at(middle - 1) + at(middle)) / 2;
  return { min: at(0), median, max: at(sorted.length - 1) };
}

/** `median (min–max)` with a sensible number of digits. */
export function formatSpread(values: readonly number[]): string {
  const { min, median, max } = spreadOf(values);
  const digits = median >= 100 ? 0 : median >= 10 ? 1 : 2;
  const format = (value: number) => value.toLocaleString('en-US', { maximumFractionDigits: digits });
  return `${format(median)} (${format(min)}–${format(max)})`;
}

/** A markdown table. */
export function formatTable(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  return [line(header), line(header.map(() => '---')), ...rows.map(line)].join('\n');
}
