/** Checks Signature Version 4 in the Authorization header, as S3 computes it. */

import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import { S3Error } from './s3-error.ts';

export interface SignedRequest {
  readonly method: string;
  /** As sent, percent-encoded. */
  readonly path: string;
  /** As sent, without the question mark. */
  readonly query: string;
  readonly headers: IncomingHttpHeaders;
}

const mostSkewMs = 900_000;

/** Throws an S3Error when the request is not signed by one of `keys` (access key id to secret). */
export function checkSignature(request: SignedRequest, keys: ReadonlyMap<string, string>, nowMs: number): void {
  const authorization = request.headers.authorization;
  if (authorization === undefined) throw new S3Error(403, 'AccessDenied', 'Anonymous requests are not allowed.');
  const match =
    /^AWS4-HMAC-SHA256 Credential=([^/]+)\/(\d{8})\/([^/]+)\/s3\/aws4_request, ?SignedHeaders=([^,]+), ?Signature=([0-9a-f]{64})$/.exec(
      authorization,
    );
  if (match === null) throw new S3Error(400, 'AuthorizationHeaderMalformed');
  const [, keyId, day, region, signedHeaders, signature] = match;
  const secret = keys.get(keyId!);
  if (secret === undefined) throw new S3Error(403, 'InvalidAccessKeyId');
  const date = single(request.headers['x-amz-date']);
  checkSkew(date, nowMs);
  const scope = `${day}/${region}/s3/aws4_request`;
  const canonical = hash(canonicalRequest(request, signedHeaders!.split(';')));
  const key = ['aws4_request', 's3', region!, day!].reduceRight<Buffer>(
    (parent, part) => hmac(parent, part),
    Buffer.from(`AWS4${secret}`),
  );
  const expected = hmac(key, `AWS4-HMAC-SHA256\n${date}\n${scope}\n${canonical}`);
  if (!timingSafeEqual(expected, Buffer.from(signature!, 'hex'))) throw new S3Error(403, 'SignatureDoesNotMatch');
}

function checkSkew(date: string, nowMs: number): void {
  const iso = date.replace(/^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/, '$1-$2-$3T$4:$5:$6Z');
  const sentMs = Date.parse(iso);
  if (Number.isNaN(sentMs)) throw new S3Error(403, 'AccessDenied', 'A valid x-amz-date is needed.');
  if (Math.abs(sentMs - nowMs) > mostSkewMs) throw new S3Error(403, 'RequestTimeTooSkewed');
}

function canonicalRequest(request: SignedRequest, signedHeaders: readonly string[]): string {
  const query = request.query
    .split('&')
    .filter((each) => each !== '')
    .map((each) => (each.includes('=') ? each : `${each}=`))
    .sort((a, b) => compareText(a, b))
    .join('&');
  const headers = signedHeaders.map(
    (name) => `${name}:${single(request.headers[name]).trim().replaceAll(/ +/g, ' ')}\n`,
  );
  return [
    request.method,
    request.path,
    query,
    headers.join(''),
    signedHeaders.join(';'),
    single(request.headers['x-amz-content-sha256']),
  ].join('\n');
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function single(header: string | string[] | undefined): string {
  return Array.isArray(header) ? header.join(',') : (header ?? '');
}

function hash(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

function hmac(key: Buffer, text: string): Buffer {
  return createHmac('sha256', key).update(text).digest();
}
