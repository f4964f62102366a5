/** The fake disk keeps the disk kit, and forgets, tears, fails and fills as it is told. */

import { describe, expect, test } from 'vitest';
import { diskErrors } from '../../core/base/error-codes.ts';
import { describeDisk } from '../kits/disk-kit.ts';
import { FakeDisk } from './fake-disk.ts';

describeDisk('fake', async () => {
  const disk = new FakeDisk();
  await disk.makeFolder('/d');
  return { disk, folder: '/d', cleanUp: async () => {} };
});

async function withFile(content: string) {
  const disk = new FakeDisk();
  await disk.makeFolder('/d');
  const file = await disk.open('/d/f', 'create');
  await disk.syncFolder('/d');
  await file.write([Buffer.from(content)], 0);
  await file.sync();
  return { disk, file };
}

describe('a power loss', () => {
  test('takes what was not synced, whole or in part', async () => {
    for (const [keptWrites, keptBytes, left] of [
      [0, 0, 'ab'],
      [0, 1, 'abc'],
      [1, 0, 'abcd'],
      [1, 1, 'abcde'],
      [2, 0, 'abcdef'],
    ] as const) {
      const { disk, file } = await withFile('ab');
      await file.write([Buffer.from('cd')], 2);
      await file.write([Buffer.from('ef')], 4);
      disk.crash({ kind: 'power', keptWrites: () => keptWrites, keptBytes: () => keptBytes });
      expect((await disk.readFile('/d/f'))?.toString()).toBe(left);
      await expect(file.write([Buffer.from('x')], 0)).rejects.toThrow('closed');
    }
  });

  test('takes names that were not synced, and brings removed ones back', async () => {
    const { disk } = await withFile('ab');
    await disk.open('/d/new', 'create');
    await disk.remove('/d/f');
    disk.crash({ kind: 'power' });
    expect(disk.files()).toEqual(['/d/f']);
  });

  test('leaves everything when only the process died', async () => {
    const { disk, file } = await withFile('ab');
    await file.write([Buffer.from('cd')], 2);
    disk.crash({ kind: 'process' });
    expect((await disk.readFile('/d/f'))?.toString()).toBe('abcd');
  });
});

test('the n-th call fails, once', async () => {
  const { disk, file } = await withFile('ab');
  disk.fail('sync', new Error('worn out'), { nth: 2 });
  await file.sync();
  await expect(file.sync()).rejects.toThrow('worn out');
  await file.sync();
});

test('a full disk takes the first part of a write and refuses the rest', async () => {
  const { disk, file } = await withFile('ab');
  disk.capacityBytes = 3;
  await expect(file.write([Buffer.from('cd')], 2)).rejects.toSatisfy((error) => diskErrors.is(error, 'full'));
  expect(await file.size()).toBe(3);
});

test('a dying machine makes so many changes and then none', async () => {
  const { disk, file } = await withFile('ab');
  disk.dieAfter(1);
  await file.write([Buffer.from('x')], 0);
  await expect(file.sync()).rejects.toThrow('dead');
  await expect(disk.readFile('/d/f')).rejects.toThrow('dead');
  disk.crash({ kind: 'power' });
  expect((await disk.readFile('/d/f'))?.toString()).toBe('ab');
});
