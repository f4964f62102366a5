/** What the sink needs of a store of objects: uploads that stay invisible until completed, and small guarded objects. */

/** Names an upload in progress. */
export interface Upload {
  readonly key: string;
  readonly uploadId: string;
}

export interface NewUpload {
  readonly key: string;
  /** Printable ASCII; a store may drop it. */
  readonly metadata: Readonly<Record<string, string>>;
}

export interface PartBody {
  /** From 1. */
  readonly partNumber: number;
  /** Bytes of the object before this part. */
  readonly position: number;
  /** Not changed until the call ends. */
  readonly body: Buffer;
  /** CRC-32 of `body` (IEEE), which the store compares where it can. */
  readonly crc32: number;
}

/** A part that survives a crash of everything here. */
export interface StoredPart {
  readonly partNumber: number;
  readonly etag: string;
  /** Base64 of the four bytes, high byte first. */
  readonly crc32: string;
  readonly sizeBytes: number;
}

export interface StoredObject {
  readonly sizeBytes: number;
  /** undefined when the store keeps none. */
  readonly metadata: Readonly<Record<string, string>> | undefined;
}

/**
 * `completed`: the object is there now, or was made by an earlier call for the same upload as far as the store can tell.
 * `exists`: an object of that name is there, ours or not. `gone`: there is no such upload (any more), which is also
 * what a completed one may answer. `conflict`: another write was under way; ask again.
 */
export type CompleteOutcome = 'completed' | 'exists' | 'gone' | 'conflict';

export interface SmallObject {
  readonly content: Buffer;
  readonly etag: string;
}

/**
 * One attempt each: a call that fails rejects with one of the codes `s3/…` and may have been carried out all the same.
 * Whoever calls repeats.
 */
export interface ObjectStore {
  /** Proves that the store can be reached and keeps its word on conditional writes. */
  probe(folder: string, signal: AbortSignal): Promise<void>;
  createUpload(upload: NewUpload, signal: AbortSignal): Promise<Upload>;
  /** Rejects with `s3/upload-gone` when there is no such upload. Putting the same part again replaces it. */
  putPart(upload: Upload, part: PartBody, signal: AbortSignal): Promise<StoredPart>;
  /** Makes the object visible in one step, never in the place of another. */
  complete(upload: Upload, parts: readonly StoredPart[], signal: AbortSignal): Promise<CompleteOutcome>;
  /** Fine when the upload is gone. */
  abort(upload: Upload, signal: AbortSignal): Promise<void>;
  /** The upload is recorded as completed: nobody will complete it again, so what was kept to recognise that may go. */
  release(upload: Upload): Promise<void>;
  /** Uploads in progress whose key starts with `prefix`. */
  listUploads(prefix: string, signal: AbortSignal): Promise<readonly Upload[]>;
  head(key: string, signal: AbortSignal): Promise<StoredObject | undefined>;
  readSmall(key: string, signal: AbortSignal): Promise<SmallObject | undefined>;
  /**
   * Replaces the object if its etag is `ifMatch`, or creates it if `ifMatch` is undefined. Returns the new etag, or
   * undefined when the condition does not hold. Two contents never share an etag.
   */
  writeSmall(
    key: string,
    content: Buffer,
    ifMatch: string | undefined,
    signal: AbortSignal,
  ): Promise<string | undefined>;
  close(): Promise<void>;
}
