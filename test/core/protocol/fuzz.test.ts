/** Decoders of outside bytes meet random and cut bytes: they answer or say malformed, within bounded memory. */

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { MillraceError } from '../../../core/base/errors.ts';
import type { Api } from '../../../core/protocol/api.ts';
import { allApis } from '../../../core/protocol/apis/all.ts';
import { consumerAssignment, consumerSubscription, decodeVersioned } from '../../../core/protocol/consumer-protocol.ts';
import type { Fields } from '../../../core/protocol/field.ts';
import { decodeRequestHeader } from '../../../core/protocol/frame.ts';
import type { Message } from '../../../core/protocol/message.ts';
import { Reader } from '../../../core/protocol/reader.ts';
import { Writer } from '../../../core/protocol/writer.ts';
import { arbitraryMessage } from './arbitrary-message.ts';

const apis = allApis as unknown as readonly Api<Fields, Fields>[];
const messages = apis.flatMap((api) => [api.request, api.response]);

/** Bytes that look like lengths and counts more often than chance would have it. */
const nastyBytes = fc
  .array(
    fc.oneof(
      fc.uint8Array({ minLength: 1, maxLength: 8 }),
      fc.constantFrom(
        Uint8Array.of(0x7f, 0xff, 0xff, 0xff),
        Uint8Array.of(0xff, 0xff, 0xff, 0xff),
        Uint8Array.of(0xff, 0xff, 0xff, 0xff, 0x0f),
        Uint8Array.of(0x80, 0x80, 0x80, 0x80, 0x80, 0x01),
        Uint8Array.of(0, 0, 0, 1),
        Uint8Array.of(0, 0, 0, 0),
        Uint8Array.of(0x80, 0, 0, 0),
        Uint8Array.of(0, 0x0f, 0x42, 0x41),
      ),
    ),
    { maxLength: 20 },
  )
  .map((parts) => Buffer.concat(parts));

describe('decoders meet bytes nobody meant for them', () => {
  test.each(messages.map((message) => ({ name: message.name, message })))('$name', ({ message }) => {
    for (let version = message.versions[0]; version <= message.versions[1]; version++) {
      fc.assert(
        fc.property(nastyBytes, (bytes) => {
          onlyMalformed(() => message.decode(new Reader(bytes), version));
        }),
        { numRuns: 60 },
      );
    }
  });

  test.each(messages.map((message) => ({ name: message.name, message })))('$name, cut at every byte', ({ message }) => {
    for (let version = message.versions[0]; version <= message.versions[1]; version++) {
      fc.assert(
        fc.property(arbitraryMessage(message.fields, version), (value) => {
          const encoded = encode(message, value, version);
          for (let length = 0; length < Math.min(encoded.length, 150); length++) {
            const decoded = onlyMalformed(() => message.decode(new Reader(encoded, 0, length), version));
            expect(decoded, 'a shorter message was taken for a whole one').toBe(false);
          }
        }),
        { numRuns: 2 },
      );
    }
  });

  test('headers and the consumer protocol', () => {
    fc.assert(
      fc.property(nastyBytes, (bytes) => {
        onlyMalformed(() => decodeRequestHeader(new Reader(bytes)));
        onlyMalformed(() => decodeVersioned(consumerSubscription, bytes));
        onlyMalformed(() => decodeVersioned(consumerAssignment, bytes));
      }),
      { numRuns: 500 },
    );
  });
});

describe('memory stays bounded', () => {
  test('an array may not announce more than its bytes can hold, or a million', () => {
    const announced = (count: number, bytes: number) => {
      const buffer = Buffer.alloc(4 + bytes);
      buffer.writeInt32BE(count);
      return new Reader(buffer);
    };
    expect(announced(10, 40).arrayLength(4)).toBe(10);
    expect(() => announced(11, 40).arrayLength(4)).toThrowError(/announces 11 elements/);
    expect(announced(1_000_000, 1_000_000).arrayLength()).toBe(1_000_000);
    expect(() => announced(1_000_001, 2_000_000).arrayLength()).toThrowError(/announces 1000001 elements/);
    expect(() => announced(-2, 40).arrayLength()).toThrowError(/announces -2 elements/);
  });

  test('a tag section may not announce more than ten thousand fields', () => {
    const buffer = new Writer().uvarint(10_001).raw(Buffer.alloc(40_000)).toBuffer();
    expect(() => new Reader(buffer).skipTags()).toThrowError(/10001 tagged fields/);
    const small = new Writer().uvarint(10_000).raw(Buffer.alloc(100)).toBuffer();
    expect(() => new Reader(small).tagCount()).toThrowError(/10000 tagged fields/);
  });
});

/** Answers whether the call succeeded; anything it throws but `protocol/malformed` fails the test. */
function onlyMalformed(run: () => unknown): boolean {
  try {
    run();
    return true;
  } catch (error) {
    if (error instanceof MillraceError && error.code === 'protocol/malformed') return false;
    throw error;
  }
}

function encode(message: Message<Fields>, value: Record<string, unknown>, version: number): Buffer {
  const writer = new Writer();
  message.encode(writer, value, version);
  return writer.toBuffer();
}
