/** What the S3 sink alone costs: 225-byte JSON lines from memory to a discarding S3 server in another process and to a folder, several rounds in turn. */

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { measureCommand } from '../measure.ts';

const { values } = parseArgs({
  options: { rounds: { type: 'string', default: '3' }, records: { type: 'string', default: '2000000' } },
});

interface Run {
  readonly recordsPerCpuSecond: number;
  readonly peakRssMb: number;
}

const here = fileURLToPath(new URL('.', import.meta.url));
const folder = await mkdtemp(join(tmpdir(), 'millrace-bench-s3-'));
const server = spawn(process.execPath, [join(here, '../../test/s3-server/main.ts'), '--discard'], {
  stdio: ['ignore', 'pipe', 'inherit'],
});
const [line] = (await once(server.stdout, 'data')) as [Buffer];
const bucket = line.toString().trim();

const cases: readonly { readonly name: string; readonly url: string; readonly settings: readonly string[] }[] = [
  { name: 'bucket, zstd', url: bucket, settings: ['s3.compression.type=zstd'] },
  { name: 'bucket, zstd (again)', url: bucket, settings: ['s3.compression.type=zstd'] },
  { name: 'bucket, zstd, light check', url: bucket, settings: ['s3.compression.type=zstd', 'json.check=light'] },
  { name: 'bucket, none', url: bucket, settings: ['s3.compression.type=none'] },
  { name: 'bucket, gzip-1', url: bucket, settings: ['s3.compression.type=gzip', 's3.compression.level=1'] },
  { name: 'folder, zstd', url: `file:${folder}`, settings: ['s3.compression.type=zstd'] },
];

try {
  const results = new Map<string, Run[]>();
  for (let round = 0; round < Number(values.rounds); round++) {
    for (const { name, url, settings } of cases) {
      const args = [join(here, 'feed.ts'), '--url', url, '--records', values.records];
      const { output } = await measureCommand(process.execPath, [
        ...args,
        ...settings.flatMap((each) => ['--set', each]),
      ]);
      results.set(name, [...(results.get(name) ?? []), JSON.parse(output.trim().split('\n').at(-1)!)]);
    }
  }
  for (const [name, runs] of results) {
    const rates = runs.map(({ recordsPerCpuSecond }) => recordsPerCpuSecond).sort((a, b) => a - b);
    const rss = Math.max(...runs.map(({ peakRssMb }) => peakRssMb));
    const median = rates[Math.floor(rates.length / 2)]!;
    const spread = `${thousands(rates[0]!)} to ${thousands(rates.at(-1)!)}`;
    console.log(`${name.padEnd(28)} ${thousands(median)} records per CPU-second (${spread}), peak RSS ${rss} MB`);
  }
} finally {
  server.kill();
  await rm(folder, { recursive: true, force: true });
}

function thousands(count: number): string {
  return `${Math.round(count / 1000)} k`;
}
