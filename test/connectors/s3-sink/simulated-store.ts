/** A bucket in memory, and sessions on it that fail, lose answers, answer late, and die between any two calls. */

import { s3Errors } from '../../../connectors/s3-sink/error-codes.ts';
import type {
  CompleteOutcome,
  NewUpload,
  ObjectStore,
  PartBody,
  SmallObject,
  StoredObject,
  StoredPart,
  Upload,
} from '../../../connectors/s3-sink/store/store.ts';

interface OpenUpload {
  readonly key: string;
  readonly metadata: Readonly<Record<string, string>>;
  readonly parts: Map<number, Buffer>;
}

export interface BucketObject {
  readonly content: Buffer;
  readonly metadata: Readonly<Record<string, string>>;
}

export class SimulatedBucket {
  readonly objects = new Map<string, BucketObject>();
  readonly small = new Map<string, SmallObject>();
  readonly uploads = new Map<string, OpenUpload>();
  #count = 0;

  next(): number {
    this.#count += 1;
    return this.#count;
  }
}

/** What happens to one call. `late`: it takes a few turns more than others; `vanishes`: its upload is removed before. */
export type Fate =
  | 'fine'
  | 'late'
  | 'refused'
  | 'throttled'
  | 'answer-lost'
  | 'conflict'
  | 'vanishes'
  | 'dies-before'
  | 'dies-after';

export class SimulatedStore implements ObjectStore {
  readonly #bucket: SimulatedBucket;
  readonly #fate: () => Fate;
  /** Resolves when the session died. */
  readonly died: Promise<void>;
  #die!: () => void;
  #isDead = false;

  constructor(bucket: SimulatedBucket, fate: () => Fate = () => 'fine') {
    this.#bucket = bucket;
    this.#fate = fate;
    this.died = new Promise((resolve) => {
      this.#die = resolve;
    });
  }

  get isDead(): boolean {
    return this.#isDead;
  }

  /** From now on no call has an effect or an answer, as after SIGKILL. */
  kill(): void {
    this.#isDead = true;
    this.#die();
  }

  async probe(): Promise<void> {}

  createUpload({ key, metadata }: NewUpload): Promise<Upload> {
    return this.#call(() => {
      const uploadId = `upload-${this.#bucket.next()}`;
      this.#bucket.uploads.set(uploadId, { key, metadata, parts: new Map() });
      return { key, uploadId };
    });
  }

  putPart({ uploadId, key }: Upload, { partNumber, body, crc32 }: PartBody): Promise<StoredPart> {
    return this.#call(() => {
      const upload = this.#bucket.uploads.get(uploadId);
      if (upload === undefined) throw s3Errors.error('upload-gone', { message: 'no such upload', where: key });
      upload.parts.set(partNumber, Buffer.from(body));
      return { partNumber, etag: `part-${crc32}`, crc32: String(crc32), sizeBytes: body.length };
    });
  }

  complete({ uploadId, key }: Upload, parts: readonly StoredPart[]): Promise<CompleteOutcome> {
    return this.#call((fate) => {
      if (fate === 'conflict') return 'conflict';
      if (fate === 'vanishes') this.#bucket.uploads.delete(uploadId);
      const upload = this.#bucket.uploads.get(uploadId);
      if (upload === undefined) return 'gone';
      if (this.#bucket.objects.has(key)) return 'exists';
      const pieces = parts.map(({ partNumber }) => upload.parts.get(partNumber)!);
      this.#bucket.objects.set(key, { content: Buffer.concat(pieces), metadata: upload.metadata });
      this.#bucket.uploads.delete(uploadId);
      return 'completed';
    });
  }

  abort({ uploadId }: Upload): Promise<void> {
    return this.#call(() => void this.#bucket.uploads.delete(uploadId));
  }

  async release(): Promise<void> {}

  listUploads(prefix: string): Promise<readonly Upload[]> {
    return this.#call(() =>
      [...this.#bucket.uploads]
        .filter(([, { key }]) => key.startsWith(prefix))
        .map(([uploadId, { key }]) => ({ uploadId, key })),
    );
  }

  head(key: string): Promise<StoredObject | undefined> {
    return this.#call(() => {
      const found = this.#bucket.objects.get(key);
      return found && { sizeBytes: found.content.length, metadata: found.metadata };
    });
  }

  readSmall(key: string): Promise<SmallObject | undefined> {
    return this.#call(() => this.#bucket.small.get(key));
  }

  writeSmall(key: string, content: Buffer, ifMatch: string | undefined): Promise<string | undefined> {
    return this.#call(() => {
      if (this.#bucket.small.get(key)?.etag !== ifMatch) return undefined;
      const etag = `etag-${this.#bucket.next()}`;
      this.#bucket.small.set(key, { content: Buffer.from(content), etag });
      return etag;
    });
  }

  async close(): Promise<void> {}

  async #call<T>(work: (fate: Fate) => T): Promise<T> {
    const fate = this.#isDead ? 'dies-before' : this.#fate();
    for (let turn = fate === 'late' ? 12 : 1; turn > 0; turn--) await new Promise((resolve) => setImmediate(resolve));
    if (fate === 'dies-before') this.kill();
    if (this.#isDead) return new Promise(() => undefined);
    if (fate === 'refused') throw s3Errors.error('unavailable', { message: 'connection refused' });
    if (fate === 'throttled') throw s3Errors.error('throttled', { message: 'SlowDown' });
    const result = work(fate);
    if (fate === 'dies-after') {
      this.kill();
      return new Promise(() => undefined);
    }
    if (fate === 'answer-lost') throw s3Errors.error('unavailable', { message: 'connection reset' });
    return result;
  }
}
