/** The disk of this machine: the kit, the errors of the operating system and the lock between processes. */

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { diskErrors } from '../../../core/base/error-codes.ts';
import { diskError, nodeDisk } from '../../../core/base/node-disk.ts';
import { describeDisk } from '../../kits/disk-kit.ts';

function temporaryFolder(): string {
  return fs.mkdtempSync(path.join(os.tmpdir(), 'millrace-disk-'));
}

describeDisk('node', async () => {
  const folder = temporaryFolder();
  return { disk: nodeDisk, folder, cleanUp: async () => fs.rmSync(folder, { recursive: true }) };
});

describe('errors of the operating system', () => {
  test.each([
    ['ENOSPC', 'full', true],
    ['EDQUOT', 'full', true],
    ['ENOENT', 'missing', false],
    ['EACCES', 'denied', false],
    ['EROFS', 'denied', false],
    ['EIO', 'failed', false],
    ['EMFILE', 'failed', true],
  ] as const)('%s is disk/%s', (errno, code, isRetriable) => {
    const error = diskError(Object.assign(new Error('no'), { code: errno }), '/x');
    expect(diskErrors.is(error, code)).toBe(true);
    expect(error).toMatchObject({ where: '/x', retriable: isRetriable });
  });
});

describe('the lock between processes', () => {
  const lockSource = path.resolve(import.meta.dirname, '../../../core/base/node-lock.ts');

  test('refused while another process holds it, free the moment that one is killed', async () => {
    const folder = temporaryFolder();
    const file = path.join(folder, '.lock');
    const program = `
      const { lockFile } = await import(${JSON.stringify(lockSource)});
      await lockFile(${JSON.stringify(file)});
      console.log('held');
      setInterval(() => {}, 1000);`;
    const child = spawn(process.execPath, ['--input-type=module', '-e', program], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    try {
      await once(child.stdout, 'data');
      await expect(nodeDisk.lock(file)).rejects.toSatisfy((error) => diskErrors.is(error, 'locked'));
      const exited = once(child, 'exit');
      child.kill('SIGKILL');
      await exited;
      await (await nodeDisk.lock(file))();
    } finally {
      child.kill('SIGKILL');
      fs.rmSync(folder, { recursive: true });
    }
  });
});
