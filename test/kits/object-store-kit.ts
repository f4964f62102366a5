/** What the S3 sink relies on in a store, checked over every adapter and against independent servers. */

import { randomUUID } from 'node:crypto';
import { crc32 } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ObjectStore, PartBody } from '../../connectors/s3-sink/store/store.ts';

export interface StoreUnderTest {
  readonly store: ObjectStore;
  /** The content of a visible object, or undefined; by a way of its own where there is one. */
  read(key: string): Promise<Buffer | undefined>;
  /** Whether `head` answers with metadata. */
  readonly keepsMetadata: boolean;
  close(): Promise<void>;
}

const signal = new AbortController().signal;
const fiveMebibytes = 5 * 1024 * 1024;

export function part(partNumber: number, position: number, body: Buffer): PartBody {
  return { partNumber, position, body, crc32: crc32(body) };
}

export function objectStoreKit(name: string, open: () => Promise<StoreUnderTest>): void {
  describe(`${name} as an object store`, () => {
    let target: StoreUnderTest;
    const folder = `kit/${randomUUID()}`;

    beforeAll(async () => {
      target = await open();
    });

    afterAll(async () => {
      await target?.close();
    });

    const start = (key: string) => target.store.createUpload({ key, metadata: { 'millrace-upload': 'token' } }, signal);

    test('can be proven to honour conditional writes, again and again (32)', async () => {
      await target.store.probe(folder, signal);
      await target.store.probe(folder, signal);
    });

    test('shows an upload only when it is completed, then whole', async () => {
      const key = `${folder}/year=2026/one+0+0000000000.jsonl`;
      const first = Buffer.alloc(fiveMebibytes, 'a');
      const second = Buffer.from('the end\n');
      const upload = await start(key);
      const parts = await Promise.all([
        target.store.putPart(upload, part(2, first.length, second), signal),
        target.store.putPart(upload, part(1, 0, first), signal),
      ]);
      expect(await target.store.head(key, signal)).toBeUndefined();
      expect(await target.store.complete(upload, parts.toReversed(), signal)).toBe('completed');
      const found = await target.store.head(key, signal);
      expect(found?.sizeBytes).toBe(first.length + second.length);
      if (target.keepsMetadata) expect(found?.metadata?.['millrace-upload']).toBe('token');
      expect((await target.read(key))?.equals(Buffer.concat([first, second]))).toBe(true);
      await target.store.release(upload);
    });

    test('keeps one object when a part is put twice', async () => {
      const key = `${folder}/twice`;
      const upload = await start(key);
      await target.store.putPart(upload, part(1, 0, Buffer.from('same')), signal);
      const stored = await target.store.putPart(upload, part(1, 0, Buffer.from('same')), signal);
      expect(await target.store.complete(upload, [stored], signal)).toBe('completed');
      expect((await target.read(key))?.toString()).toBe('same');
    });

    test('never replaces an object by completing (24)', async () => {
      const key = `${folder}/taken`;
      const [one, two] = [await start(key), await start(key)];
      const ofOne = await target.store.putPart(one, part(1, 0, Buffer.from('one')), signal);
      const ofTwo = await target.store.putPart(two, part(1, 0, Buffer.from('two')), signal);
      expect(await target.store.complete(one, [ofOne], signal)).toBe('completed');
      expect(await target.store.complete(two, [ofTwo], signal)).toBe('exists');
      expect((await target.read(key))?.toString()).toBe('one');
      await target.store.abort(two, signal);
    });

    test('answers a repeated completion without harm (22)', async () => {
      const key = `${folder}/repeated`;
      const upload = await start(key);
      const stored = await target.store.putPart(upload, part(1, 0, Buffer.from('x')), signal);
      await target.store.complete(upload, [stored], signal);
      expect(await target.store.complete(upload, [stored], signal)).toMatch(/^(completed|gone|exists)$/);
      expect((await target.read(key))?.toString()).toBe('x');
    });

    test('of racing completions of one name lets one win', async () => {
      const key = `${folder}/raced`;
      const uploads = await Promise.all([1, 2, 3, 4].map(() => start(key)));
      const parts = await Promise.all(
        uploads.map((upload, i) => target.store.putPart(upload, part(1, 0, Buffer.from(`racer ${i}`)), signal)),
      );
      const outcomes = await Promise.all(
        uploads.map((upload, i) => target.store.complete(upload, [parts[i]!], signal)),
      );
      expect(outcomes.filter((outcome) => outcome === 'completed')).toHaveLength(1);
      expect((await target.read(key))?.toString()).toBe(`racer ${outcomes.indexOf('completed')}`);
    });

    test('tells that an upload is gone, in parts and in completion (23)', async () => {
      const upload = await start(`${folder}/gone`);
      const stored = await target.store.putPart(upload, part(1, 0, Buffer.from('x')), signal);
      await target.store.abort(upload, signal);
      await target.store.abort(upload, signal);
      expect(await target.store.complete(upload, [stored], signal)).toBe('gone');
      const putting = target.store.putPart(upload, part(1, 0, Buffer.from('x')), signal);
      await expect(putting).rejects.toMatchObject({ code: 's3/upload-gone' });
    });

    test('lists uploads in progress by prefix', async () => {
      const [one, two] = [await start(`${folder}/list/a/x+0+1`), await start(`${folder}/list/b/x+1+1`)];
      const other = await start(`${folder}/other/x`);
      const listed = await target.store.listUploads(`${folder}/list/`, signal);
      expect(listed.map(({ key }) => key).toSorted()).toEqual([one.key, two.key]);
      expect(listed.map(({ uploadId }) => uploadId).toSorted()).toEqual([one.uploadId, two.uploadId].toSorted());
      for (const upload of [one, two, other]) await target.store.abort(upload, signal);
      expect(await target.store.listUploads(`${folder}/list/`, signal)).toEqual([]);
    });

    test('guards small objects by their etags', async () => {
      const key = `${folder}/_millrace/kit/topic/0.json`;
      expect(await target.store.readSmall(key, signal)).toBeUndefined();
      const first = await target.store.writeSmall(key, Buffer.from('1'), undefined, signal);
      expect(first).toBeDefined();
      expect(await target.store.writeSmall(key, Buffer.from('1b'), undefined, signal)).toBeUndefined();
      const second = await target.store.writeSmall(key, Buffer.from('2'), first, signal);
      expect(second).toBeDefined();
      expect(await target.store.writeSmall(key, Buffer.from('2b'), first, signal)).toBeUndefined();
      const found = await target.store.readSmall(key, signal);
      expect([found?.content.toString(), found?.etag]).toEqual(['2', second]);
      const missing = await target.store.writeSmall(`${folder}/nothing.json`, Buffer.from('x'), second, signal);
      expect(missing).toBeUndefined();
    });

    test('lets one of racing writers of a small object win, many times over', async () => {
      const key = `${folder}/raced.json`;
      let etag = await target.store.writeSmall(key, Buffer.from('start'), undefined, signal);
      for (let round = 0; round < 8; round++) {
        const racers = [0, 1, 2, 3].map((i) =>
          target.store.writeSmall(key, Buffer.from(`${round}-${i}`), etag, signal),
        );
        // A loser of a close race may be told to try again instead, which is no success either.
        const results = await Promise.all(racers.map((racer) => racer.catch(() => undefined)));
        expect(results.filter((result) => result !== undefined)).toHaveLength(1);
        etag = results.find((result) => result !== undefined);
        const found = await target.store.readSmall(key, signal);
        expect(found?.etag).toBe(etag);
        expect(found?.content.toString()).toBe(`${round}-${results.indexOf(etag)}`);
      }
    });

    test('takes keys with unusual characters (35)', async () => {
      for (const name of ['a b', 'ü', '100%25', 'k=v', 'a+b', "it's (1)!"]) {
        const key = `${folder}/odd/${name}/o+0+0`;
        const upload = await start(key);
        const stored = await target.store.putPart(upload, part(1, 0, Buffer.from(name)), signal);
        expect(await target.store.complete(upload, [stored], signal)).toBe('completed');
        expect((await target.read(key))?.toString()).toBe(name);
      }
    });
  });
}
