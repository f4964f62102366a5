/** What a process cost: CPU-seconds and peak memory as the kernel counts them, wall time, medians and spread over runs. */

import { type ChildProcess, spawn } from 'node:child_process';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { cpus, loadavg, release, totalmem, type } from 'node:os';

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

/** What is resident now, and how many files and sockets are open. */
export function sampleHoldings(pid: number): { readonly rssMb: number; readonly openFiles: number } {
  const resident = /VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'));
  return { rssMb: Number(resident?.[1] ?? 0) / 1024, openFiles: readdirSync(`/proc/${pid}/fd`).length };
}

/** CPU-seconds so far by thread name, so that it shows what compiles, collects garbage and waits for the disk. */
export function sampleThreads(pid: number): Map<string, number> {
  const seconds = new Map<string, number>();
  for (const thread of readdirSync(`/proc/${pid}/task`)) {
    const stat = readFileSync(`/proc/${pid}/task/${thread}/stat`, 'utf8');
    const name = stat.slice(stat.indexOf('(') + 1, stat.lastIndexOf(')'));
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const ticks = Number(fields[11]) + Number(fields[12]);
    seconds.set(name, (seconds.get(name) ?? 0) + ticks / ticksPerSecond);
  }
  return seconds;
}

/** Sets the peak back to what is resident now, for a process that lives through several runs. */
export function resetPeakRss(pid: number): void {
  writeFileSync(`/proc/${pid}/clear_refs`, '5');
}

const sampleEveryMs = 20;

export interface CommandCost extends Cost {
  readonly output: string;
  /** CPU-seconds by thread name. */
  readonly threads: ReadonlyMap<string, number>;
}

/** Runs a command to its end; throws with its output when it fails. */
export function measureCommand(
  command: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv = {},
): Promise<CommandCost> {
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
      const { cpuSeconds, peakRssMb, threads } = sampler.stop();
      const wallSeconds = (performance.now() - started) / 1000;
      if (code === 0) resolve({ wallSeconds, cpuSeconds, peakRssMb, threads, output });
      else reject(new Error(`${command} ${args.join(' ')} ended with ${code}:\n${output}`));
    });
  });
}

/** Keeps the last sample of a process, because nothing is left to read once it has ended. */
export function startSampling(child: ChildProcess): {
  stop(): ProcessSample & { threads: ReadonlyMap<string, number> };
} {
  let last: ProcessSample = { cpuSeconds: 0, peakRssMb: 0 };
  const threads = new Map<string, number>();
  const sample = () => {
    try {
      if (child.pid === undefined) return;
      const { cpuSeconds, peakRssMb } = sampleProcess(child.pid);
      // A process that is ending has given its memory back already.
      last = { cpuSeconds, peakRssMb: Math.max(peakRssMb, last.peakRssMb) };
      // A thread that has ended keeps what it was seen with last.
      for (const [name, seconds] of sampleThreads(child.pid)) threads.set(name, seconds);
    } catch {
      // The process has just ended: the last sample stands.
    }
  };
  const interval = setInterval(sample, sampleEveryMs);
  return {
    stop() {
      sample();
      clearInterval(interval);
      return { ...last, threads };
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

/** What this part of the values does not exceed: 0.5 for the median, 1 for the largest. */
export function quantileOf(values: readonly number[], part: number): number {
  const sorted = Float64Array.from(values).sort();
  return sorted[Math.max(0, Math.ceil(sorted.length * part) - 1)] ?? Number.NaN;
}

/** `median (min–max)` with a sensible number of digits. */
export function formatSpread(values: readonly number[]): string {
  const { min, median, max } = spreadOf(values);
  const digits = median >= 100 ? 0 : median >= 10 ? 1 : 2;
  const format = (value: number) => value.toLocaleString('en-US', { maximumFractionDigits: digits });
  return `${format(median)} (${format(min)}–${format(max)})`;
}

/** What a reader needs to judge the numbers: processor, cores, memory, kernel, runtime. */
export function describeMachine(): string {
  const cores = cpus();
  const memory = (totalmem() / 2 ** 30).toFixed(0);
  return `${cores.length} × ${cores[0]?.model.trim()}, ${memory} GiB, ${type()} ${release()}, Node ${process.versions.node}, load ${loadavg()[0]?.toFixed(1)}`;
}

/** A markdown table. */
export function formatTable(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  return [line(header), line(header.map(() => '---')), ...rows.map(line)].join('\n');
}
