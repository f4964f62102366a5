/** Frames come out of a byte stream however it is cut, and headers are those of the wire. */

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { allApis, findApi } from '../../../core/protocol/apis/all.ts';
import { heartbeatApi } from '../../../core/protocol/apis/groups.ts';
import {
  decodeRequestHeader,
  decodeResponseHeader,
  encodeRequestHeader,
  encodeResponseHeader,
  FrameReader,
} from '../../../core/protocol/frame.ts';
import { Reader } from '../../../core/protocol/reader.ts';
import { Writer } from '../../../core/protocol/writer.ts';

function framed(body: Buffer): Buffer {
  const length = Buffer.alloc(4);
  length.writeInt32BE(body.length);
  return Buffer.concat([length, body]);
}

describe('frames out of a stream', () => {
  test('come out whole and in order however the stream is cut', () => {
    fc.assert(
      fc.property(
        fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 8 }),
        fc.array(fc.integer({ min: 1, max: 30 }), { minLength: 1, maxLength: 40 }),
        (bodies, cuts) => {
          const stream = Buffer.concat(bodies.map((body) => framed(Buffer.from(body))));
          const frames: Buffer[] = [];
          const reader = new FrameReader({ maxFrameBytes: 40 });
          let at = 0;
          for (let index = 0; at < stream.length; index++) {
            const size = cuts[index % cuts.length]!;
            // A copy, as a socket may reuse its memory.
            reader.push(Buffer.from(stream.subarray(at, at + size)), (frame) => frames.push(Buffer.from(frame)));
            at += size;
          }
          expect(reader.isPartial).toBe(false);
          expect(frames).toEqual(bodies.map((body) => Buffer.from(body)));
        },
      ),
    );
  });

  test('a frame inside one chunk shares its memory', () => {
    const chunk = framed(Buffer.from('abc'));
    new FrameReader({ maxFrameBytes: 10 }).push(chunk, (frame) => {
      expect(frame.buffer).toBe(chunk.buffer);
    });
  });

  test('a large frame grows as its bytes arrive', () => {
    const body = Buffer.alloc(11 * 1024 * 1024, 'ab');
    const stream = framed(body);
    const reader = new FrameReader({ maxFrameBytes: 100 * 1024 * 1024 });
    const frames: Buffer[] = [];
    for (let at = 0; at < stream.length; at += 1_000_003) {
      reader.push(stream.subarray(at, at + 1_000_003), (frame) => frames.push(frame));
      expect(reader.isPartial).toBe(at + 1_000_003 < stream.length);
    }
    expect(frames).toHaveLength(1);
    expect(frames[0]!.equals(body)).toBe(true);
  });

  test('lengths nobody can mean are refused', () => {
    const push = (hex: string) => () =>
      new FrameReader({ maxFrameBytes: 1000 }).push(Buffer.from(hex, 'hex'), () => expect.unreachable());
    expect(push('ffffffff')).toThrowError(/length -1/);
    expect(push('80000000')).toThrowError(/length -2147483648/);
    expect(push('7fffffff')).toThrowError(/over the limit of 1000/);
    expect(push('000003e9')).toThrowError(/1001 bytes is over the limit/);
    // A TLS client hello, and an HTTP request.
    expect(push('16030100')).toThrowError(/TLS handshake/);
    expect(push('47455420')).toThrowError(/over the limit/);
  });
});

describe('headers', () => {
  test('survive a round trip in every API and version', () => {
    for (const api of allApis) {
      for (let version = api.minVersion; version <= api.maxVersion; version++) {
        const writer = new Writer();
        encodeRequestHeader(writer, api, { version, correlationId: -7, clientId: null });
        encodeResponseHeader(writer, api, { version, correlationId: 99 });
        const reader = new Reader(writer.toBuffer());
        expect(decodeRequestHeader(reader)).toEqual({
          apiKey: api.key,
          apiVersion: version,
          correlationId: -7,
          clientId: null,
        });
        expect(decodeResponseHeader(reader, api, version)).toBe(99);
        expect(reader.remaining).toBe(0);
      }
    }
  });

  test('tagged fields in a header are skipped', () => {
    const writer = new Writer().int16(heartbeatApi.key).int16(4).int32(1).nullableString('c');
    writer.uvarint(1).uvarint(9).uvarint(2).raw(Buffer.from('xy')).int8(42);
    const reader = new Reader(writer.toBuffer());
    expect(decodeRequestHeader(reader).clientId).toBe('c');
    expect(reader.int8()).toBe(42);
  });

  test('an unknown API has a plain header', () => {
    const reader = new Reader(new Writer().int16(999).int16(1).int32(1).nullableString('c').int8(42).toBuffer());
    expect(decodeRequestHeader(reader)).toMatchObject({ apiKey: 999, clientId: 'c' });
    expect(reader.int8()).toBe(42);
  });

  test('keys are unique', () => {
    expect(new Set(allApis.map((api) => api.key)).size).toBe(allApis.length);
    for (const api of allApis) expect(findApi(api.key)).toBe(api);
  });
});
