/** The compiled kernels are those of their sources, and a changed source is noticed. */

import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { expect, test } from 'vitest';

const top = resolve(import.meta.dirname, '../../../..');

test('a source that was changed without compiling it fails the check', () => {
  const copy = mkdtempSync(join(tmpdir(), 'millrace-kernels-'));
  const check = () =>
    spawnSync(process.execPath, [join(top, 'cli/build-kernels.ts'), '--check', '--in', copy], { encoding: 'utf8' });
  try {
    cpSync(join(top, 'core/base/kernels'), copy, { recursive: true });
    expect(check()).toMatchObject({ status: 0, stderr: '' });
    const source = join(copy, 'assembly/lines.ts');
    writeFileSync(source, readFileSync(source, 'utf8').replace('NEWLINE: u8 = 0x0a', 'NEWLINE: u8 = 0x0b'));
    expect(check()).toMatchObject({ status: 1, stderr: 'lines.wasm.ts is stale: run npm run kernels\n' });
  } finally {
    rmSync(copy, { recursive: true, force: true });
  }
});
