/** SIGKILL of the whole process at the points between durable records, durable offsets, acknowledgement and commit: nothing is missing. */

import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';

const childFile = fileURLToPath(new URL('./fixtures/killed-child.ts', import.meta.url));
const recordsPerTask = 600;
const taskCount = 2;

let folder: string;
let child: ChildProcess | undefined;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'millrace-killed-'));
});

afterEach(async () => {
  child?.kill('SIGKILL');
  await rm(folder, { recursive: true, force: true });
});

/** How the process ended, and what it said. */
async function run(killPoint: string): Promise<{ code: number | null; signal: string | null; output: string }> {
  const started = spawn(process.execPath, [childFile, folder, killPoint], { stdio: ['ignore', 'pipe', 'pipe'] });
  child = started;
  let output = '';
  started.stdout.on('data', (chunk: Buffer) => {
    output += chunk;
  });
  started.stderr.on('data', (chunk: Buffer) => {
    output += chunk;
  });
  return new Promise((resolve) => started.on('close', (code, signal) => resolve({ code, signal, output })));
}

interface Line {
  readonly partition: number;
  readonly offset: number;
  readonly task: number;
  readonly count: number;
}

/** What the sink wrote; a line that the kill tore is none. */
async function collected(): Promise<Line[]> {
  const text = await readFile(join(folder, 'collected'), 'utf8');
  return [...text.matchAll(/^numbers-(\d+)@(\d+) (\d+):(\d+)$/gm)].map(([, partition, offset, task, count]) => ({
    partition: Number(partition),
    offset: Number(offset),
    task: Number(task),
    count: Number(count),
  }));
}

/** The topic as the sink saw it: one line per place, in order. */
function topicOf(lines: readonly Line[]): Line[] {
  const byPlace = new Map<string, Line>();
  for (const line of lines) {
    const place = `${line.partition}@${line.offset}`;
    const before = byPlace.get(place);
    if (before !== undefined) expect(line).toEqual(before);
    byPlace.set(place, line);
  }
  return [...byPlace.values()].sort((a, b) => a.partition - b.partition || a.offset - b.offset);
}

function nothingIfMissing(error: NodeJS.ErrnoException): string {
  if (error.code !== 'ENOENT') throw error;
  return '';
}

async function checkConservation(): Promise<void> {
  const lines = await collected();
  const topic = topicOf(lines);
  for (let task = 0; task < taskCount; task++) {
    const counts = topic.filter((line) => line.task === task).map(({ count }) => count);
    expect(new Set(counts).size, 'nothing is missing').toBe(recordsPerTask);
    expect(counts, 'each once, in order').toEqual(Array.from({ length: recordsPerTask }, (_, count) => count));
  }
  // A sink that is quick may kill each process before its source hears of anything; then nothing was acknowledged.
  const acknowledged = await readFile(join(folder, 'acknowledged'), 'utf8').catch(nothingIfMissing);
  for (const text of acknowledged.split('\n').filter((line) => line !== '')) {
    for (const { offset } of JSON.parse(text)) expect(offset.count).toBeLessThanOrEqual(recordsPerTask);
  }
}

describe('a process that is killed', () => {
  test('loses and doubles nothing in the topic, wherever it happens', async () => {
    const killPoints = [
      'before-offsets', // records are written and their offsets are not
      'before-committed', // offsets are durable and the source has not heard of it
      'after-put', // the sink has written and nothing is committed
    ];
    for (const killPoint of killPoints) {
      const died = await run(killPoint);
      expect(died.signal, died.output).toBe('SIGKILL');
    }
    const last = await run('nowhere');
    expect(last, last.output).toMatchObject({ code: 0 });
    await checkConservation();
    // Done is done: another run finds nothing to do.
    const again = await run('nowhere');
    expect(JSON.parse(again.output)).toMatchObject({ sourceRecords: 0, sinkRecords: 0 });
  });
});
