/** Reads the CPU profiles of a run and names the functions with the most time of their own, thread by thread. */

import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

interface CpuProfile {
  readonly nodes: readonly {
    readonly id: number;
    readonly callFrame: { readonly functionName: string; readonly url: string; readonly lineNumber: number };
  }[];
  readonly samples: readonly number[];
  /** Microseconds before each sample. */
  readonly timeDeltas: readonly number[];
}

const root = resolve(import.meta.dirname, '../..');

/** Flags that make Node, and each of its worker threads, leave a profile in the folder. */
export function profilingFlags(folder: string): string[] {
  return ['--cpu-prof', `--cpu-prof-dir=${folder}`];
}

/** One paragraph per thread; waiting is left out. */
export function describeProfiles(folder: string, functionsPerThread = 20): string {
  return readdirSync(folder)
    .filter((name) => name.endsWith('.cpuprofile'))
    .map((name) => describe(name, JSON.parse(readFileSync(join(folder, name), 'utf8')), functionsPerThread))
    .join('\n\n');
}

function describe(name: string, profile: CpuProfile, count: number): string {
  const byNode = new Map<number, number>();
  for (const [index, id] of profile.samples.entries()) {
    byNode.set(id, (byNode.get(id) ?? 0) + (profile.timeDeltas[index] ?? 0));
  }
  const byFunction = new Map<string, number>();
  let busyUs = 0;
  for (const { id, callFrame } of profile.nodes) {
    const selfUs = byNode.get(id) ?? 0;
    if (callFrame.functionName === '(idle)') continue;
    busyUs += selfUs;
    const where = placeOf(callFrame);
    byFunction.set(where, (byFunction.get(where) ?? 0) + selfUs);
  }
  const top = [...byFunction].sort(([, a], [, b]) => b - a).slice(0, count);
  const lines = top.map(([where, selfUs]) => `${String(Math.round(selfUs / 1000)).padStart(7)} ms  ${where}`);
  return [`${name}: busy for ${(busyUs / 1e6).toFixed(2)} s`, ...lines].join('\n');
}

function placeOf({ functionName, url, lineNumber }: CpuProfile['nodes'][number]['callFrame']): string {
  const name = functionName === '' ? '(anonymous)' : functionName;
  if (url === '') return name;
  return `${name}  ${url.replace(/^file:\/\//, '').replace(`${root}/`, '')}:${lineNumber + 1}`;
}
