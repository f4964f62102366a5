/** What every disk must do: run over the one of this machine and over the fake one. */

import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Disk } from '../../core/base/disk.ts';
import { diskErrors } from '../../core/base/error-codes.ts';

export interface DiskUnderTest {
  readonly disk: Disk;
  /** An empty folder that exists. */
  readonly folder: string;
  readonly cleanUp: () => Promise<void>;
}

const bytes = (text: string) => Buffer.from(text);

export function describeDisk(name: string, make: () => Promise<DiskUnderTest>): void {
  describe(`disk kit: ${name}`, () => {
    let under: DiskUnderTest;
    let disk: Disk;
    const at = (...names: string[]) => path.join(under.folder, ...names);

    beforeEach(async () => {
      under = await make();
      disk = under.disk;
    });
    afterEach(() => under.cleanUp());

    test('a created file is empty, keeps what is written, and is found again', async () => {
      const file = await disk.open(at('a'), 'create');
      expect(await file.size()).toBe(0);
      await file.write([bytes('hello '), bytes(''), bytes('world')], 0);
      await file.sync();
      await file.close();
      await file.close();
      const again = await disk.open(at('a'), 'create');
      expect(await again.size()).toBe(11);
      const into = Buffer.alloc(5);
      expect(await again.read(into, 6)).toBe(5);
      expect(into.toString()).toBe('world');
      await again.close();
    });

    test('read stops at the end of the file, and answers 0 behind it', async () => {
      const file = await disk.open(at('a'), 'create');
      await file.write([bytes('abc')], 0);
      const into = Buffer.alloc(10);
      expect(await file.read(into, 1)).toBe(2);
      expect(into.subarray(0, 2).toString()).toBe('bc');
      expect(await file.read(into, 3)).toBe(0);
      expect(await file.read(into, 100)).toBe(0);
      await file.close();
    });

    test('writes go where they are told, over the end too; truncate cuts', async () => {
      const file = await disk.open(at('a'), 'create');
      await file.write([bytes('abcdef')], 0);
      await file.write([bytes('XY')], 4);
      await file.write([bytes('!')], 8);
      expect(await disk.readFile(at('a'))).toEqual(bytes('abcdXY\0\0!'));
      await file.truncate(3);
      expect(await disk.readFile(at('a'))).toEqual(bytes('abc'));
      await file.close();
    });

    test('more buffers than one writev takes', async () => {
      const file = await disk.open(at('a'), 'create');
      const buffers = Array.from({ length: 2500 }, (_, index) => bytes(String(index % 10)));
      await file.write(buffers, 0);
      expect((await disk.readFile(at('a')))?.toString()).toBe(buffers.join(''));
      await file.close();
    });

    test('modes read and write need the file', async () => {
      await expect(disk.open(at('none'), 'read')).rejects.toSatisfy((error) => diskErrors.is(error, 'missing'));
      await expect(disk.open(at('none'), 'write')).rejects.toSatisfy((error) => diskErrors.is(error, 'missing'));
      await expect(disk.open(at('no', 'folder'), 'create')).rejects.toSatisfy((e) => diskErrors.is(e, 'missing'));
      expect(await disk.readFile(at('none'))).toBeUndefined();
    });

    test('a closed file takes no call', async () => {
      const file = await disk.open(at('a'), 'create');
      await file.close();
      await expect(file.write([bytes('x')], 0)).rejects.toThrow();
      await expect(file.read(Buffer.alloc(1), 0)).rejects.toThrow();
    });

    test('replaceFile puts new content in place of old and leaves nothing beside it', async () => {
      await disk.replaceFile(at('a'), bytes('one'));
      await disk.replaceFile(at('a'), bytes('two!'));
      expect(await disk.readFile(at('a'))).toEqual(bytes('two!'));
      expect(await disk.list(under.folder)).toEqual([{ name: 'a', isFolder: false }]);
      await expect(disk.replaceFile(at('no', 'a'), bytes('x'))).rejects.toSatisfy((e) => diskErrors.is(e, 'missing'));
    });

    test('folders are made with their parents, listed in name order, removed with all in them', async () => {
      await disk.makeFolder(at('x', 'y'));
      await disk.makeFolder(at('x', 'y'));
      await disk.replaceFile(at('x', 'b'), bytes(''));
      await disk.replaceFile(at('x', 'a'), bytes(''));
      expect((await disk.list(at('x'))).map((entry) => entry.name)).toEqual(['a', 'b', 'y']);
      expect(await disk.list(at('nothing'))).toEqual([]);
      await disk.remove(at('x'));
      await disk.remove(at('x'));
      expect(await disk.list(under.folder)).toEqual([]);
    });

    test('rename moves a file over another one, and a folder with all in it', async () => {
      await disk.replaceFile(at('a'), bytes('a'));
      await disk.replaceFile(at('b'), bytes('b'));
      await disk.rename(at('a'), at('b'));
      expect(await disk.readFile(at('b'))).toEqual(bytes('a'));
      await disk.makeFolder(at('x'));
      await disk.replaceFile(at('x', 'c'), bytes('c'));
      await disk.rename(at('x'), at('y'));
      await disk.syncFolder(under.folder);
      expect(await disk.readFile(at('y', 'c'))).toEqual(bytes('c'));
      await expect(disk.rename(at('gone'), at('z'))).rejects.toSatisfy((error) => diskErrors.is(error, 'missing'));
    });

    test('an open file stays readable after it was renamed or removed', async () => {
      const file = await disk.open(at('a'), 'create');
      await file.write([bytes('abc')], 0);
      await disk.rename(at('a'), at('b'));
      await disk.remove(at('b'));
      const into = Buffer.alloc(3);
      expect(await file.read(into, 0)).toBe(3);
      await file.close();
    });

    test('a lock is held once and free again after its release', async () => {
      const release = await disk.lock(at('.lock'));
      await expect(disk.lock(at('.lock'))).rejects.toSatisfy((error) => diskErrors.is(error, 'locked'));
      await release();
      await release();
      await (await disk.lock(at('.lock')))();
    });
  });
}
