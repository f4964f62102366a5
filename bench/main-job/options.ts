/** The command line that the questions about the main job share. */

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

export interface BenchOptions {
  /** Counted rounds; one more is run before them to warm up when there are several. */
  readonly rounds: number;
  /** Of input, in millions of bytes. */
  readonly megabytes: number;
  /** Only Millrace. */
  readonly withPeers: boolean;
  /** Run once under the profiler and name where the time went, instead of measuring. */
  readonly profile: boolean;
}

export function benchOptions(defaults: { rounds: number; megabytes: number }): BenchOptions {
  const { values } = parseArgs({
    options: {
      rounds: { type: 'string', default: String(defaults.rounds) },
      megabytes: { type: 'string', default: String(defaults.megabytes) },
      peers: { type: 'boolean', default: true },
      profile: { type: 'boolean', default: false },
    },
    allowNegative: true,
  });
  return {
    rounds: values.profile ? 1 : Number(values.rounds),
    megabytes: Number(values.megabytes),
    withPeers: values.peers && !values.profile,
    profile: values.profile,
  };
}

/** Everything of one question lives in one folder that is gone afterwards. */
export async function inFolder(work: (folder: string) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-bench-'));
  try {
    await work(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
