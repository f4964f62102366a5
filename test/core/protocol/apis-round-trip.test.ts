/** Every API in every version it has: what is encoded is decoded as it was, for values drawn from the field tables. */

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Api } from '../../../core/protocol/api.ts';
import { allApis } from '../../../core/protocol/apis/all.ts';
import type { Fields } from '../../../core/protocol/field.ts';
import type { Message } from '../../../core/protocol/message.ts';
import { Reader } from '../../../core/protocol/reader.ts';
import { Writer } from '../../../core/protocol/writer.ts';
import { arbitraryMessage } from './arbitrary-message.ts';

const apis = allApis as unknown as readonly Api<Fields, Fields>[];

describe.each(apis.map((api) => ({ name: api.name, api })))('$name', ({ api }) => {
  const versions = Array.from({ length: api.maxVersion - api.minVersion + 1 }, (_, index) => api.minVersion + index);

  test.each(versions)('version %i: requests and responses survive a round trip', (version) => {
    roundTrip(api.request, version);
    roundTrip(api.response, version);
  });

  test('refuses versions it does not have', () => {
    for (const version of [api.minVersion - 1, api.maxVersion + 1, Number.NaN]) {
      expect(() => api.decodeRequest(new Reader(Buffer.alloc(64)), version)).toThrowError(/has the versions/);
      expect(() => api.encodeResponse(new Writer(), {}, version)).toThrowError(/has the versions/);
    }
  });
});

function roundTrip(message: Message<Fields>, version: number): void {
  fc.assert(
    fc.property(arbitraryMessage(message.fields, version), (value) => {
      const writer = new Writer(1);
      message.encode(writer, value, version);
      const { length } = writer;
      const encoded = writer.toBuffer();
      expect(encoded.length).toBe(length);
      const reader = new Reader(encoded);
      expect(message.decode(reader, version)).toEqual(value);
      expect(reader.remaining).toBe(0);
    }),
    { numRuns: 40 },
  );
}
