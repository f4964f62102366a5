/** The body of a request: read, freed of aws-chunked framing, and compared with every checksum that came with it. */

import { createHash } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { crc32 } from 'node:zlib';
import { errors, S3Error } from './s3-error.ts';

export async function readBody(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  const raw = chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks);
  const declared = header(request, 'x-amz-content-sha256') ?? 'UNSIGNED-PAYLOAD';
  if (!declared.startsWith('STREAMING-')) {
    const isHashed = /^[0-9a-f]{64}$/.test(declared);
    if (isHashed && createHash('sha256').update(raw).digest('hex') !== declared) {
      throw new S3Error(400, 'XAmzContentSHA256Mismatch');
    }
    checkSums(raw, (name) => header(request, name));
    return raw;
  }
  const { content, trailers } = decodeChunked(raw);
  const length = Number(header(request, 'x-amz-decoded-content-length'));
  if (content.length !== length) throw new S3Error(400, 'IncompleteBody');
  checkSums(content, (name) => header(request, name) ?? trailers.get(name));
  return content;
}

/** The CRC-32 as S3 writes it: base64 of four bytes. */
export function crc32Text(content: Buffer): string {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(crc32(content));
  return bytes.toString('base64');
}

/** Chunks of `SIZE[;chunk-signature=…]\r\n…\r\n`, a last one of size 0, then trailers. Chunk signatures are not checked. */
export function decodeChunked(raw: Buffer): { content: Buffer; trailers: Map<string, string> } {
  const pieces: Buffer[] = [];
  let position = 0;
  for (;;) {
    const lineEnd = raw.indexOf('\r\n', position);
    if (lineEnd < 0) throw new S3Error(400, 'IncompleteBody', 'The chunked body ends early.');
    const size = Number.parseInt(raw.toString('latin1', position, lineEnd), 16);
    if (Number.isNaN(size)) throw new S3Error(400, 'InvalidChunkSizeError');
    position = lineEnd + 2;
    if (size === 0) break;
    if (position + size + 2 > raw.length) throw new S3Error(400, 'IncompleteBody', 'A chunk ends early.');
    pieces.push(raw.subarray(position, position + size));
    position += size + 2;
  }
  const trailers = new Map<string, string>();
  for (const line of raw.toString('latin1', position).split('\r\n')) {
    const colon = line.indexOf(':');
    if (colon > 0) trailers.set(line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim());
  }
  return { content: Buffer.concat(pieces), trailers };
}

function checkSums(content: Buffer, given: (name: string) => string | undefined): void {
  const sums: [string, () => string][] = [
    ['x-amz-checksum-crc32', () => crc32Text(content)],
    ['x-amz-checksum-sha1', () => createHash('sha1').update(content).digest('base64')],
    ['x-amz-checksum-sha256', () => createHash('sha256').update(content).digest('base64')],
    ['content-md5', () => createHash('md5').update(content).digest('base64')],
  ];
  for (const [name, compute] of sums) {
    const expected = given(name);
    if (expected !== undefined && expected !== compute()) throw errors.badDigest(name);
  }
  for (const name of ['x-amz-checksum-crc32c', 'x-amz-checksum-crc64nvme']) {
    if (given(name) !== undefined) throw errors.notImplemented(name);
  }
}

function header(request: IncomingMessage, name: string): string | undefined {
  const value = request.headers[name];
  return Array.isArray(value) ? value[0] : value;
}
