/** What each S3 operation does and answers. */

import { crc32Text } from './body.ts';
import type { Buckets, Conditions, ObjectNote } from './bucket.ts';
import type { Operation } from './faults.ts';
import { errors, S3Error } from './s3-error.ts';
import { readAll, readOne, toXml } from './xml.ts';

export interface Call {
  readonly operation: Operation;
  readonly bucket: string;
  readonly key: string;
  readonly query: URLSearchParams;
  readonly header: (name: string) => string | undefined;
  readonly body: Buffer;
}

export interface Answer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Buffer;
}

type Handler = (buckets: Buckets, call: Call) => Answer;

export function perform(buckets: Buckets, call: Call): Answer {
  return handlers[call.operation](buckets, call);
}

/** The operation a request asks for, by method, place and query. */
export function operationOf(method: string, bucket: string, key: string, query: URLSearchParams): Operation {
  if (bucket === '') return 'ListBuckets';
  if (key === '') {
    if (method === 'PUT') return 'CreateBucket';
    if (method === 'HEAD') return 'HeadBucket';
    if (method === 'GET') return query.has('uploads') ? 'ListMultipartUploads' : 'ListObjectsV2';
  } else if (query.has('uploadId')) {
    const byMethod: Readonly<Record<string, Operation>> = {
      PUT: 'UploadPart',
      POST: 'CompleteMultipartUpload',
      DELETE: 'AbortMultipartUpload',
      GET: 'ListParts',
    };
    if (byMethod[method] !== undefined) return byMethod[method];
  } else {
    if (method === 'POST' && query.has('uploads')) return 'CreateMultipartUpload';
    const byMethod: Readonly<Record<string, Operation>> = {
      PUT: 'PutObject',
      GET: 'GetObject',
      HEAD: 'HeadObject',
      DELETE: 'DeleteObject',
    };
    if (byMethod[method] !== undefined) return byMethod[method];
  }
  throw errors.notImplemented(`${method} of ${bucket}/${key}`);
}

const handlers: Readonly<Record<Operation, Handler>> = {
  ListBuckets: (buckets) =>
    xml({ ListAllMyBucketsResult: { Buckets: { Bucket: buckets.names().map((Name) => ({ Name })) } } }),
  CreateBucket(buckets, { bucket }) {
    buckets.create(bucket);
    return { status: 200, headers: { location: `/${bucket}` } };
  },
  HeadBucket(buckets, { bucket }) {
    buckets.check(bucket);
    return { status: 200 };
  },
  PutObject(buckets, call) {
    if (call.header('x-amz-copy-source') !== undefined) throw errors.notImplemented('copies');
    const note = buckets.put(call.bucket, call.key, call.body, kept(call), conditionsOf(call));
    return { status: 200, headers: { etag: note.etag, 'x-amz-checksum-crc32': crc32Text(call.body) } };
  },
  GetObject(buckets, call) {
    const note = buckets.get(call.bucket, call.key);
    const content = buckets.content(note);
    const range = /^bytes=(\d*)-(\d*)$/.exec(call.header('range') ?? '');
    if (range === null) return { status: 200, headers: describe(note), body: content };
    const start = range[1] === '' ? Math.max(0, content.length - Number(range[2])) : Number(range[1]);
    const last =
      range[1] === '' || range[2] === '' ? content.length - 1 : Math.min(Number(range[2]), content.length - 1);
    if (start > last) throw new S3Error(416, 'InvalidRange');
    const headers = { ...describe(note), 'content-range': `bytes ${start}-${last}/${content.length}` };
    return { status: 206, headers, body: content.subarray(start, last + 1) };
  },
  HeadObject(buckets, call) {
    const note = buckets.get(call.bucket, call.key);
    return { status: 200, headers: { ...describe(note), 'content-length': String(note.sizeBytes) } };
  },
  DeleteObject(buckets, { bucket, key }) {
    buckets.remove(bucket, key);
    return { status: 204 };
  },
  ListObjectsV2: listObjects,
  CreateMultipartUpload(buckets, call) {
    const { bucket, key } = call;
    const wantsCrc32 = call.header('x-amz-checksum-algorithm')?.toUpperCase() === 'CRC32';
    const { uploadId } = buckets.createUpload(bucket, key, kept(call), wantsCrc32);
    return xml({ InitiateMultipartUploadResult: { Bucket: bucket, Key: key, UploadId: uploadId } });
  },
  UploadPart(buckets, call) {
    const upload = buckets.upload(call.bucket, call.key, call.query.get('uploadId')!);
    const crc32 = crc32Text(call.body);
    const part = buckets.putPart(upload, Number(call.query.get('partNumber')), call.body, crc32);
    return { status: 200, headers: { etag: part.etag, 'x-amz-checksum-crc32': crc32 } };
  },
  CompleteMultipartUpload(buckets, call) {
    const upload = buckets.upload(call.bucket, call.key, call.query.get('uploadId')!);
    const parts = readAll(call.body.toString(), 'Part').map((part) => ({
      partNumber: Number(readOne(part, 'PartNumber')),
      etag: readOne(part, 'ETag') ?? '',
      crc32: readOne(part, 'ChecksumCRC32'),
    }));
    const { bucket, key, etag } = buckets.complete(upload, parts, conditionsOf(call));
    return xml({
      CompleteMultipartUploadResult: { Location: `/${bucket}/${key}`, Bucket: bucket, Key: key, ETag: etag },
    });
  },
  AbortMultipartUpload(buckets, call) {
    buckets.abort(buckets.upload(call.bucket, call.key, call.query.get('uploadId')!));
    return { status: 204 };
  },
  ListParts(buckets, call) {
    const { bucket, key, uploadId, parts } = buckets.upload(call.bucket, call.key, call.query.get('uploadId')!);
    const Part = Object.entries(parts).map(([PartNumber, { etag, sizeBytes, crc32 }]) => ({
      PartNumber,
      ETag: etag,
      Size: sizeBytes,
      ChecksumCRC32: crc32,
    }));
    return xml({ ListPartsResult: { Bucket: bucket, Key: key, UploadId: uploadId, IsTruncated: false, Part } });
  },
  ListMultipartUploads: listUploads,
};

function listObjects(buckets: Buckets, { bucket, query }: Call): Answer {
  const prefix = query.get('prefix') ?? '';
  const after = query.get('continuation-token') ?? query.get('start-after') ?? '';
  const most = Number(query.get('max-keys') ?? 1000);
  const delimiter = query.get('delimiter');
  const all = buckets.list(bucket, prefix).filter(({ key }) => key > after);
  const folders = new Set<string>();
  const notes: ObjectNote[] = [];
  let lastKey = '';
  let isTruncated = false;
  for (const note of all) {
    const cut = delimiter === null ? -1 : note.key.indexOf(delimiter, prefix.length);
    const folder = cut < 0 ? undefined : note.key.slice(0, cut + delimiter!.length);
    const isNew = folder === undefined || !folders.has(folder);
    if (isNew && notes.length + folders.size >= most) {
      isTruncated = true;
      break;
    }
    if (folder === undefined) notes.push(note);
    else folders.add(folder);
    lastKey = note.key;
  }
  return xml({
    ListBucketResult: {
      Name: bucket,
      Prefix: prefix,
      KeyCount: notes.length + folders.size,
      MaxKeys: most,
      IsTruncated: isTruncated,
      NextContinuationToken: isTruncated ? lastKey : undefined,
      Contents: notes.map(({ key, etag, sizeBytes, modifiedMs }) => ({
        Key: key,
        ETag: etag,
        Size: sizeBytes,
        LastModified: new Date(modifiedMs).toISOString(),
      })),
      CommonPrefixes: [...folders].map((Prefix) => ({ Prefix })),
    },
  });
}

function listUploads(buckets: Buckets, { bucket, query }: Call): Answer {
  const most = Number(query.get('max-uploads') ?? 1000);
  const keyMarker = query.get('key-marker') ?? '';
  const idMarker = query.get('upload-id-marker') ?? '';
  const all = buckets.uploads(bucket, query.get('prefix') ?? '');
  const known = all.findIndex(({ key, uploadId }) => key === keyMarker && uploadId === idMarker);
  const rest = known >= 0 ? all.slice(known + 1) : all.filter(({ key }) => key > keyMarker);
  const page = rest.slice(0, most);
  const isTruncated = rest.length > most;
  return xml({
    ListMultipartUploadsResult: {
      Bucket: bucket,
      IsTruncated: isTruncated,
      NextKeyMarker: isTruncated ? page.at(-1)!.key : undefined,
      NextUploadIdMarker: isTruncated ? page.at(-1)!.uploadId : undefined,
      Upload: page.map(({ key, uploadId, startedMs }) => ({
        Key: key,
        UploadId: uploadId,
        Initiated: new Date(startedMs).toISOString(),
      })),
    },
  });
}

function conditionsOf({ header }: Call): Conditions {
  return { ifMatch: header('if-match'), ifNoneMatch: header('if-none-match') };
}

/** The headers of a request that come back with the object. */
function kept({ header }: Call): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const name of ['content-type', 'content-encoding', 'cache-control', 'x-amz-server-side-encryption']) {
    const value = header(name);
    if (value !== undefined) headers[name] = value;
  }
  for (const name of header('*')?.split(',') ?? []) if (name.startsWith('x-amz-meta-')) headers[name] = header(name)!;
  return headers;
}

function describe(note: ObjectNote): Record<string, string> {
  return { ...note.headers, etag: note.etag, 'last-modified': new Date(note.modifiedMs).toUTCString() };
}

function xml(document: Parameters<typeof toXml>[0]): Answer {
  return { status: 200, headers: { 'content-type': 'application/xml' }, body: toXml(document) };
}
