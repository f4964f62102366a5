/** A bucket as the store: the AWS SDK with whole buffers, our own checksums, and none of its retries. */

import { Agent as HttpAgent } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListMultipartUploadsCommand,
  type ObjectCannedACL,
  PutObjectCommand,
  S3Client,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import { NodeHttpHandler } from '@smithy/node-http-handler';
import type { Secret } from '../../../config/index.ts';
import { s3Errors } from '../error-codes.ts';
import { faultName, statusOf, toFault } from './s3-faults.ts';
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

export interface S3StoreOptions {
  readonly bucket: string;
  readonly region: string;
  readonly endpoint: string | undefined;
  readonly pathStyle: boolean;
  /** Both or neither; without them the SDK's own chain counts. */
  readonly accessKeyId: string | undefined;
  readonly secretAccessKey: Secret | undefined;
  readonly acl: string | undefined;
  readonly encryption: 'AES256' | 'aws:kms' | undefined;
  readonly kmsKeyId: string | undefined;
  /** Sockets to the endpoint. */
  readonly connections: number;
}

const connectTimeoutMs = 3000;

/** A socket on which nothing moves for this long is dead. */
const stallTimeoutMs = 30_000;

/** No request takes longer; completing a large upload may take minutes. */
const requestTimeoutMs = 300_000;

const mostUploadPages = 50;

export class S3Store implements ObjectStore {
  readonly #client: S3Client;
  readonly #bucket: string;
  readonly #newObject: { ACL?: ObjectCannedACL; ServerSideEncryption?: 'AES256' | 'aws:kms'; SSEKMSKeyId?: string };

  constructor(options: S3StoreOptions) {
    this.#bucket = options.bucket;
    this.#client = createClient(options);
    this.#newObject = {
      ...(options.acl === undefined ? {} : { ACL: options.acl as ObjectCannedACL }),
      ...(options.encryption === undefined ? {} : { ServerSideEncryption: options.encryption }),
      ...(options.kmsKeyId === undefined ? {} : { SSEKMSKeyId: options.kmsKeyId }),
    };
  }

  /** One object serves all tasks: a write that must be refused tells as much as one that must succeed. */
  async probe(folder: string, signal: AbortSignal): Promise<void> {
    const key = `${folder}/probe`;
    const content = Buffer.from('This object shows that the store honours conditional writes.\n');
    const isFirst = (await this.writeSmall(key, content, undefined, signal)) !== undefined;
    const again = isFirst ? await this.writeSmall(key, content, undefined, signal) : undefined;
    const mismatched = await this.writeSmall(key, content, '"00000000000000000000000000000000"', signal);
    if (again === undefined && mismatched === undefined) return;
    const ignored = again === undefined ? 'If-Match' : 'If-None-Match';
    throw s3Errors.error('no-conditional-writes', { message: `the store ignores ${ignored}`, where: this.#at(key) });
  }

  async createUpload({ key, metadata }: NewUpload, signal: AbortSignal): Promise<Upload> {
    const command = new CreateMultipartUploadCommand({
      Bucket: this.#bucket,
      Key: key,
      Metadata: { ...metadata },
      ChecksumAlgorithm: 'CRC32',
      ...this.#newObject,
    });
    const { UploadId } = await this.#try(key, () => this.#client.send(command, { abortSignal: signal }));
    if (UploadId === undefined) throw this.#unclear(key, 'an upload without an id');
    return { key, uploadId: UploadId };
  }

  async putPart({ key, uploadId }: Upload, part: PartBody, signal: AbortSignal): Promise<StoredPart> {
    const crc32 = Buffer.alloc(4);
    crc32.writeUInt32BE(part.crc32);
    const checksum = crc32.toString('base64');
    const command = new UploadPartCommand({
      Bucket: this.#bucket,
      Key: key,
      UploadId: uploadId,
      PartNumber: part.partNumber,
      Body: part.body,
      ContentLength: part.body.length,
      ChecksumCRC32: checksum,
    });
    const put = () => this.#client.send(command, { abortSignal: signal });
    const { ETag } = await this.#try(key, put, (error) => {
      if (faultName(error) !== 'NoSuchUpload') return undefined;
      throw s3Errors.error('upload-gone', { message: 'the store knows no such upload', where: this.#at(key) });
    });
    if (ETag === undefined) throw this.#unclear(key, 'a part without an etag');
    return { partNumber: part.partNumber, etag: ETag, crc32: checksum, sizeBytes: part.body.length };
  }

  async complete(
    { key, uploadId }: Upload,
    parts: readonly StoredPart[],
    signal: AbortSignal,
  ): Promise<CompleteOutcome> {
    const command = new CompleteMultipartUploadCommand({
      Bucket: this.#bucket,
      Key: key,
      UploadId: uploadId,
      IfNoneMatch: '*',
      MultipartUpload: {
        Parts: parts.map(({ partNumber, etag, crc32 }) => ({
          PartNumber: partNumber,
          ETag: etag,
          ChecksumCRC32: crc32,
        })),
      },
    });
    const complete = async (): Promise<CompleteOutcome> => {
      const { ETag } = await this.#client.send(command, { abortSignal: signal });
      if (ETag === undefined) throw this.#unclear(key, 'a completed upload without an etag');
      return 'completed';
    };
    return this.#try(key, complete, (error) => {
      if (faultName(error) === 'NoSuchUpload') return 'gone';
      if (statusOf(error) === 412) return 'exists';
      return statusOf(error) === 409 ? 'conflict' : undefined;
    });
  }

  async abort({ key, uploadId }: Upload, signal: AbortSignal): Promise<void> {
    const command = new AbortMultipartUploadCommand({ Bucket: this.#bucket, Key: key, UploadId: uploadId });
    const abort = async () => {
      await this.#client.send(command, { abortSignal: signal });
      return true;
    };
    await this.#try(key, abort, (error) => (faultName(error) === 'NoSuchUpload' ? true : undefined));
  }

  /** S3 forgets a completed upload by itself. */
  async release(): Promise<void> {}

  async listUploads(prefix: string, signal: AbortSignal): Promise<readonly Upload[]> {
    const found: Upload[] = [];
    let markers: { KeyMarker?: string; UploadIdMarker?: string } = {};
    for (let page = 0; page < mostUploadPages; page++) {
      const command = new ListMultipartUploadsCommand({ Bucket: this.#bucket, Prefix: prefix, ...markers });
      const list = await this.#try(prefix, () => this.#client.send(command, { abortSignal: signal }));
      for (const { Key, UploadId } of list.Uploads ?? []) {
        if (Key !== undefined && UploadId !== undefined) found.push({ key: Key, uploadId: UploadId });
      }
      if (!list.IsTruncated || list.NextKeyMarker === undefined) break;
      markers = {
        KeyMarker: list.NextKeyMarker,
        ...(list.NextUploadIdMarker === undefined ? {} : { UploadIdMarker: list.NextUploadIdMarker }),
      };
    }
    return found;
  }

  async head(key: string, signal: AbortSignal): Promise<StoredObject | undefined> {
    const command = new HeadObjectCommand({ Bucket: this.#bucket, Key: key });
    const head = async () => {
      const { ContentLength, Metadata } = await this.#client.send(command, { abortSignal: signal });
      return { sizeBytes: ContentLength ?? 0, metadata: Metadata ?? {} };
    };
    return this.#try<StoredObject | 'missing'>(key, head, missing).then(orUndefined);
  }

  async readSmall(key: string, signal: AbortSignal): Promise<SmallObject | undefined> {
    const command = new GetObjectCommand({ Bucket: this.#bucket, Key: key });
    const read = async () => {
      const { Body, ETag } = await this.#client.send(command, { abortSignal: signal });
      if (Body === undefined || ETag === undefined) throw this.#unclear(key, 'an object without body or etag');
      return { content: Buffer.from(await Body.transformToByteArray()), etag: ETag };
    };
    return this.#try<SmallObject | 'missing'>(key, read, missing).then(orUndefined);
  }

  async writeSmall(
    key: string,
    content: Buffer,
    ifMatch: string | undefined,
    signal: AbortSignal,
  ): Promise<string | undefined> {
    const command = new PutObjectCommand({
      Bucket: this.#bucket,
      Key: key,
      Body: content,
      ContentLength: content.length,
      ContentType: 'application/json',
      ...(ifMatch === undefined ? { IfNoneMatch: '*' } : { IfMatch: ifMatch }),
      ...this.#newObject,
    });
    const write = async () => {
      const { ETag } = await this.#client.send(command, { abortSignal: signal });
      if (ETag === undefined) throw this.#unclear(key, 'a written object without an etag');
      return { etag: ETag };
    };
    const isRefusal = (error: unknown) =>
      statusOf(error) === 412 || (statusOf(error) === 404 && faultName(error) !== 'NoSuchBucket')
        ? ('missing' as const)
        : undefined;
    const written = await this.#try<{ etag: string } | 'missing'>(key, write, isRefusal);
    return written === 'missing' ? undefined : written.etag;
  }

  async close(): Promise<void> {
    this.#client.destroy();
  }

  /** Runs one request; `known` turns faults that are answers into results. */
  async #try<T>(key: string, request: () => Promise<T>, known?: (error: unknown) => T | undefined): Promise<T> {
    try {
      return await request();
    } catch (error) {
      const answer = known?.(error);
      if (answer !== undefined) return answer;
      throw toFault(error, this.#at(key));
    }
  }

  #unclear(key: string, what: string): Error {
    return s3Errors.error('unavailable', { message: `the store answered with ${what}`, where: this.#at(key) });
  }

  #at(key: string): string {
    return `s3://${this.#bucket}/${key}`;
  }
}

function missing(error: unknown): 'missing' | undefined {
  return statusOf(error) === 404 && faultName(error) !== 'NoSuchBucket' ? 'missing' : undefined;
}

function orUndefined<T>(value: T | 'missing'): T | undefined {
  return value === 'missing' ? undefined : value;
}

function createClient(options: S3StoreOptions): S3Client {
  const { accessKeyId, secretAccessKey, endpoint, connections } = options;
  const agent = { keepAlive: true, maxSockets: connections };
  return new S3Client({
    region: options.region,
    forcePathStyle: options.pathStyle,
    maxAttempts: 1,
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    expectContinueHeader: false,
    requestHandler: new NodeHttpHandler({
      connectionTimeout: connectTimeoutMs,
      socketTimeout: stallTimeoutMs,
      requestTimeout: requestTimeoutMs,
      throwOnRequestTimeout: true,
      httpAgent: new HttpAgent(agent),
      httpsAgent: new HttpsAgent(agent),
    }),
    ...(endpoint === undefined ? {} : { endpoint }),
    ...(accessKeyId === undefined || secretAccessKey === undefined
      ? {}
      : { credentials: { accessKeyId, secretAccessKey: secretAccessKey.reveal() } }),
  });
}
