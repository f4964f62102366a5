/** One server's buckets, objects and uploads, with S3's rules for conditions, parts and completion. */

import { createHash, randomUUID } from 'node:crypto';
import type { Backing } from './backing.ts';
import { errors, S3Error } from './s3-error.ts';

export interface ObjectNote {
  readonly bucket: string;
  readonly key: string;
  readonly etag: string;
  readonly sizeBytes: number;
  readonly modifiedMs: number;
  readonly headers: Readonly<Record<string, string>>;
  /** Names of the blobs that make it up. */
  readonly blobs: readonly string[];
}

export interface PartNote {
  readonly etag: string;
  readonly sizeBytes: number;
  readonly crc32: string;
  readonly blob: string;
}

export interface UploadNote {
  readonly bucket: string;
  readonly key: string;
  readonly uploadId: string;
  readonly startedMs: number;
  readonly headers: Readonly<Record<string, string>>;
  /** Whether Complete must name the CRC-32 of each part. */
  readonly wantsCrc32: boolean;
  readonly parts: Record<number, PartNote>;
}

export interface Conditions {
  readonly ifMatch: string | undefined;
  readonly ifNoneMatch: string | undefined;
}

export interface NamedPart {
  readonly partNumber: number;
  readonly etag: string;
  readonly crc32: string | undefined;
}

export class Buckets {
  readonly #backing: Backing;
  readonly #minPartBytes: number;
  readonly #names = new Set<string>();
  readonly #objects = new Map<string, ObjectNote>();
  readonly #uploads = new Map<string, UploadNote>();

  constructor(backing: Backing, buckets: readonly string[], minPartBytes: number) {
    this.#backing = backing;
    this.#minPartBytes = minPartBytes;
    for (const name of backing.names()) {
      const read = () => JSON.parse(backing.read(name).toString());
      if (name.startsWith('bucket-')) this.#names.add(read().name);
      if (name.startsWith('object-')) this.#remember(read());
      if (name.startsWith('upload-')) this.#uploads.set(name.slice('upload-'.length, -'.json'.length), read());
    }
    for (const name of buckets) this.create(name);
  }

  create(name: string): void {
    this.#names.add(name);
    this.#backing.write(`bucket-${name}.json`, Buffer.from(JSON.stringify({ name })));
  }

  check(bucket: string): void {
    if (!this.#names.has(bucket)) throw errors.noSuchBucket();
  }

  names(): string[] {
    return [...this.#names].sort();
  }

  find(bucket: string, key: string): ObjectNote | undefined {
    this.check(bucket);
    return this.#objects.get(`${bucket}/${key}`);
  }

  get(bucket: string, key: string): ObjectNote {
    const found = this.find(bucket, key);
    if (found === undefined) throw errors.noSuchKey();
    return found;
  }

  /** Objects of the bucket in the order of their keys' bytes. */
  list(bucket: string, prefix = ''): ObjectNote[] {
    this.check(bucket);
    const found = [...this.#objects.values()].filter((each) => each.bucket === bucket && each.key.startsWith(prefix));
    return found.sort((a, b) => Buffer.compare(Buffer.from(a.key), Buffer.from(b.key)));
  }

  content(note: ObjectNote): Buffer {
    const blobs = note.blobs.map((blob) => this.#backing.read(blob));
    return blobs.length === 1 ? blobs[0]! : Buffer.concat(blobs);
  }

  put(
    bucket: string,
    key: string,
    content: Buffer,
    headers: Record<string, string>,
    conditions: Conditions,
  ): ObjectNote {
    this.#checkConditions(bucket, key, conditions);
    const blob = `blob-${randomUUID()}`;
    this.#backing.write(blob, content);
    return this.#replace({
      bucket,
      key,
      etag: quoted(md5(content)),
      sizeBytes: content.length,
      modifiedMs: Date.now(),
      headers,
      blobs: [blob],
    });
  }

  remove(bucket: string, key: string): void {
    const old = this.find(bucket, key);
    if (old === undefined) return;
    this.#objects.delete(`${bucket}/${key}`);
    this.#backing.remove(noteName(bucket, key));
    for (const blob of old.blobs) this.#backing.remove(blob);
  }

  createUpload(bucket: string, key: string, headers: Record<string, string>, wantsCrc32: boolean): UploadNote {
    this.check(bucket);
    const uploadId = randomUUID();
    const upload = { bucket, key, uploadId, startedMs: Date.now(), headers, wantsCrc32, parts: {} };
    this.#saveUpload(upload);
    return upload;
  }

  upload(bucket: string, key: string, uploadId: string): UploadNote {
    this.check(bucket);
    const upload = this.#uploads.get(uploadId);
    if (upload === undefined || upload.bucket !== bucket || upload.key !== key) throw errors.noSuchUpload();
    return upload;
  }

  uploads(bucket: string, prefix = ''): UploadNote[] {
    this.check(bucket);
    const found = [...this.#uploads.values()].filter((each) => each.bucket === bucket && each.key.startsWith(prefix));
    return found.sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : a.startedMs - b.startedMs));
  }

  putPart(upload: UploadNote, partNumber: number, content: Buffer, crc32: string): PartNote {
    if (!(partNumber >= 1 && partNumber <= 10_000)) throw new S3Error(400, 'InvalidArgument', 'partNumber');
    const blob = `blob-${randomUUID()}`;
    this.#backing.write(blob, content);
    const replaced = upload.parts[partNumber];
    const part = { etag: quoted(md5(content)), sizeBytes: content.length, crc32, blob };
    upload.parts[partNumber] = part;
    this.#saveUpload(upload);
    if (replaced !== undefined) this.#backing.remove(replaced.blob);
    return part;
  }

  complete(upload: UploadNote, named: readonly NamedPart[], conditions: Conditions): ObjectNote {
    const parts = this.#checkParts(upload, named);
    this.#checkConditions(upload.bucket, upload.key, conditions);
    const digest = md5(Buffer.concat(parts.map((part) => Buffer.from(part.etag.slice(1, -1), 'hex'))));
    const note = this.#replace({
      bucket: upload.bucket,
      key: upload.key,
      etag: quoted(`${digest}-${parts.length}`),
      sizeBytes: parts.reduce((sum, part) => sum + part.sizeBytes, 0),
      modifiedMs: Date.now(),
      headers: upload.headers,
      blobs: parts.map((part) => part.blob),
    });
    this.#forgetUpload(upload, new Set(note.blobs));
    return note;
  }

  abort(upload: UploadNote): void {
    this.#forgetUpload(upload, new Set());
  }

  #checkParts(upload: UploadNote, named: readonly NamedPart[]): PartNote[] {
    if (named.length === 0) throw new S3Error(400, 'MalformedXML');
    return named.map(({ partNumber, etag, crc32 }, i) => {
      if (i > 0 && partNumber <= named[i - 1]!.partNumber) throw new S3Error(400, 'InvalidPartOrder');
      const part = upload.parts[partNumber];
      if (part === undefined || part.etag !== quoted(etag.replaceAll('"', ''))) throw new S3Error(400, 'InvalidPart');
      if (upload.wantsCrc32 && crc32 === undefined) throw new S3Error(400, 'InvalidRequest', 'A part lacks its CRC32.');
      if (crc32 !== undefined && crc32 !== part.crc32) throw new S3Error(400, 'InvalidPart', 'The CRC32 differs.');
      if (i < named.length - 1 && part.sizeBytes < this.#minPartBytes) throw new S3Error(400, 'EntityTooSmall');
      return part;
    });
  }

  #checkConditions(bucket: string, key: string, { ifMatch, ifNoneMatch }: Conditions): void {
    const found = this.find(bucket, key);
    if (ifNoneMatch !== undefined) {
      if (ifNoneMatch !== '*') throw errors.notImplemented('If-None-Match with an etag');
      if (found !== undefined) throw errors.precondition();
    }
    if (ifMatch === undefined) return;
    if (found === undefined) throw errors.noSuchKey();
    if (quoted(ifMatch.replaceAll('"', '')) !== found.etag) throw errors.precondition();
  }

  #replace(note: ObjectNote): ObjectNote {
    const old = this.#objects.get(`${note.bucket}/${note.key}`);
    this.#remember(note);
    this.#backing.write(noteName(note.bucket, note.key), Buffer.from(JSON.stringify(note)));
    for (const blob of old?.blobs ?? []) this.#backing.remove(blob);
    return note;
  }

  #remember(note: ObjectNote): void {
    this.#objects.set(`${note.bucket}/${note.key}`, note);
  }

  #saveUpload(upload: UploadNote): void {
    this.#uploads.set(upload.uploadId, upload);
    this.#backing.write(`upload-${upload.uploadId}.json`, Buffer.from(JSON.stringify(upload)));
  }

  #forgetUpload(upload: UploadNote, kept: ReadonlySet<string>): void {
    this.#uploads.delete(upload.uploadId);
    this.#backing.remove(`upload-${upload.uploadId}.json`);
    for (const { blob } of Object.values(upload.parts)) if (!kept.has(blob)) this.#backing.remove(blob);
  }
}

function noteName(bucket: string, key: string): string {
  return `object-${createHash('sha256').update(`${bucket}/${key}`).digest('hex')}.json`;
}

function quoted(etag: string): string {
  return `"${etag}"`;
}

function md5(content: Buffer): string {
  return createHash('md5').update(content).digest('hex');
}
