/** A folder as the store: the same layout and promises as a bucket, kept with fsync and hard links. */

import { randomUUID } from 'node:crypto';
import { link, open, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { messageOf } from '../../../core/base/errors.ts';
import { s3Errors } from '../error-codes.ts';
import { GuardedFile } from './guarded-file.ts';
import { isMissing, isThere, makeFolder, namesIn, statIfThere, syncFolder } from './local-files.ts';
import type {
  CompleteOutcome,
  NewUpload,
  ObjectStore,
  PartBody,
  SmallObject,
  StoredObject,
  StoredPart,
  Upload,
} from './store.ts';

/** Uploads in progress: `ID.data` holds the bytes, `ID.json` the key. */
const uploadsFolder = '.millrace-uploads';

export class LocalStore implements ObjectStore {
  readonly #root: string;
  readonly #uploads: string;

  constructor(root: string) {
    this.#root = root;
    this.#uploads = join(root, uploadsFolder);
  }

  async probe(): Promise<void> {
    const one = join(this.#uploads, `probe-${randomUUID()}`);
    await this.#try(this.#root, async () => {
      await makeFolder(this.#uploads);
      await writeFile(one, '');
    });
    try {
      await link(one, `${one}-linked`);
    } catch (error) {
      throw s3Errors.error('no-hard-links', { message: messageOf(error), where: this.#root, cause: error });
    } finally {
      await rm(one, { force: true });
      await rm(`${one}-linked`, { force: true });
    }
  }

  async createUpload({ key }: NewUpload): Promise<Upload> {
    const uploadId = randomUUID();
    await this.#try(key, async () => {
      await makeFolder(this.#uploads);
      await writeFile(this.#data(uploadId), '');
      await writeFile(this.#note(uploadId), JSON.stringify({ key }));
    });
    return { key, uploadId };
  }

  /** Durable when it resolves: after a prepared checkpoint nobody has the bytes any more. */
  async putPart({ key, uploadId }: Upload, part: PartBody): Promise<StoredPart> {
    await this.#try(key, async () => {
      const file = await open(this.#data(uploadId), 'r+').catch((error) => {
        if (isMissing(error))
          throw s3Errors.error('upload-gone', { message: 'its file is gone', where: key, cause: error });
        throw error;
      });
      try {
        for (let done = 0; done < part.body.length; ) {
          done += (await file.write(part.body, done, part.body.length - done, part.position + done)).bytesWritten;
        }
        await file.datasync();
      } finally {
        await file.close();
      }
    });
    const crc32 = Buffer.alloc(4);
    crc32.writeUInt32BE(part.crc32);
    return {
      partNumber: part.partNumber,
      etag: String(part.position),
      crc32: crc32.toString('base64'),
      sizeBytes: part.body.length,
    };
  }

  /** A hard link appears at once and never replaces; the upload keeps its own name until `release`, so a repeat is recognised. */
  async complete({ key, uploadId }: Upload, parts: readonly StoredPart[]): Promise<CompleteOutcome> {
    const target = this.#object(key);
    return this.#try(key, async () => {
      const source = await statIfThere(this.#data(uploadId));
      if (source === undefined) return 'gone';
      const sizeBytes = parts.reduce((sum, part) => sum + part.sizeBytes, 0);
      if (source.size !== sizeBytes) {
        const message = `the upload has ${source.size} bytes, not ${sizeBytes}`;
        throw s3Errors.error('refused', { message, where: target });
      }
      await makeFolder(dirname(target));
      try {
        await link(this.#data(uploadId), target);
      } catch (error) {
        if (isMissing(error)) return 'gone';
        if (!isThere(error)) throw error;
        if ((await statIfThere(target))?.ino !== source.ino) return 'exists';
      }
      await syncFolder(dirname(target));
      return 'completed';
    });
  }

  async abort(upload: Upload): Promise<void> {
    await this.release(upload);
  }

  async release({ key, uploadId }: Upload): Promise<void> {
    await this.#try(key, async () => {
      await rm(this.#data(uploadId), { force: true });
      await rm(this.#note(uploadId), { force: true });
    });
  }

  async listUploads(prefix: string): Promise<readonly Upload[]> {
    const found: Upload[] = [];
    await this.#try(prefix, async () => {
      for (const name of await namesIn(this.#uploads)) {
        if (!name.endsWith('.json')) continue;
        const uploadId = name.slice(0, -'.json'.length);
        const key = await readKey(join(this.#uploads, name));
        if (key?.startsWith(prefix)) found.push({ key, uploadId });
      }
    });
    return found;
  }

  async head(key: string): Promise<StoredObject | undefined> {
    const found = await this.#try(key, () => statIfThere(this.#object(key)));
    return found === undefined ? undefined : { sizeBytes: found.size, metadata: undefined };
  }

  async readSmall(key: string): Promise<SmallObject | undefined> {
    return this.#try(key, () => new GuardedFile(this.#object(key)).read());
  }

  async writeSmall(key: string, content: Buffer, ifMatch: string | undefined): Promise<string | undefined> {
    return this.#try(key, () => new GuardedFile(this.#object(key)).write(content, ifMatch));
  }

  async close(): Promise<void> {}

  #object(key: string): string {
    return join(this.#root, key);
  }

  #data(uploadId: string): string {
    return join(this.#uploads, `${uploadId}.data`);
  }

  #note(uploadId: string): string {
    return join(this.#uploads, `${uploadId}.json`);
  }

  async #try<T>(where: string, work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      if (error instanceof Error && 'retriable' in error) throw error;
      throw s3Errors.error('store-failed', { message: messageOf(error), where: join(this.#root, where), cause: error });
    }
  }
}

/** undefined for a note that was cut short by a crash. */
async function readKey(path: string): Promise<string | undefined> {
  try {
    return (JSON.parse(await readFile(path, 'utf8')) as { key: string }).key;
  } catch {
    return undefined;
  }
}
