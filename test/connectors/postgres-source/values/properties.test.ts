/** Properties of writers: whatever a type can print becomes valid JSON that says the same, and no bytes at all make one hang or throw anything but a refusal. */

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { compileType } from '../../../../connectors/postgres-source/values/compile-type.ts';
import { Unrepresentable } from '../../../../connectors/postgres-source/values/error-codes.ts';
import { JsonOutput } from '../../../../connectors/postgres-source/values/json-output.ts';
import { debeziumModes, leanModes, type ValueModes } from '../../../../connectors/postgres-source/values/modes.ts';
import type { PgType } from '../../../../connectors/postgres-source/values/pg-type.ts';
import { elementOids, oids } from '../../../../connectors/postgres-source/values/type-oids.ts';

const own: readonly PgType[] = ['hstore', 'geometry', 'geography', 'vector', 'halfvec', 'sparsevec', 'ltree'].map(
  (name, i) => {
    return { oid: 90_000 + i, schema: 'public', name, kind: 'base' };
  },
);
const pair: PgType = {
  oid: 91_000,
  schema: 'public',
  name: 'pair',
  kind: 'composite',
  attributes: [
    { name: 'a', typeOid: oids.text, typeModifier: -1 },
    { name: 'b', typeOid: 1009, typeModifier: -1 },
  ],
};
const byOid = new Map([...own, pair].map((type) => [type.oid, type]));
const types = { get: (oid: number) => byOid.get(oid) };

function written(bytes: Buffer, oid: number, modifier: number, modes: Partial<ValueModes>): string {
  const codec = compileType(oid, modifier, types, { ...debeziumModes, ...modes });
  if (codec === null) throw new Error('left out');
  const out = new JsonOutput(8);
  codec.write(out, bytes, 0, bytes.length);
  return out.bytes.toString('utf8', 0, out.end);
}

const text = fc.string({ unit: 'binary' }).filter((value) => !value.includes('\u0000'));

test('text of any kind says the same', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 400 }), (value) => {
      expect(JSON.parse(written(Buffer.from(value), oids.text, -1, {}))).toBe(value.toWellFormed());
    }),
  );
});

test('every byte is escaped as it must be, at any distance', () => {
  fc.assert(
    fc.property(fc.nat(300), fc.nat(0x7f), fc.nat(300), (before, byte, after) => {
      const value = `${'x'.repeat(before)}${String.fromCharCode(byte)}${'y'.repeat(after)}`;
      expect(JSON.parse(written(Buffer.from(value), oids.text, -1, {}))).toBe(value);
    }),
  );
});

/** An array as the server prints it. */
function arrayText(items: readonly (string | null)[]): string {
  const parts = items.map((item) =>
    item === null ? 'NULL' : `"${item.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`,
  );
  return `{${parts.join(',')}}`;
}

test('arrays, hstore and composites of any text', () => {
  fc.assert(
    fc.property(fc.array(fc.option(text)), (items) => {
      const wellFormed = items.map((item) => item?.toWellFormed() ?? null);
      expect(JSON.parse(written(Buffer.from(arrayText(items)), 1009, -1, {}))).toEqual(wellFormed);
    }),
  );
  fc.assert(
    fc.property(
      fc.uniqueArray(fc.tuple(text, fc.option(text)), { selector: ([key]) => key.toWellFormed() }),
      (pairs) => {
        const quote = (value: string) => `"${value.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`;
        const printed = pairs
          .map(([key, value]) => `${quote(key)}=>${value === null ? 'NULL' : quote(value)}`)
          .join(', ');
        const expected = pairs.map(([key, value]) => [key.toWellFormed(), value?.toWellFormed() ?? null]);
        const object = written(Buffer.from(printed), 90_000, -1, { hstore: 'map' });
        expect(JSON.parse(object)).toEqual(Object.fromEntries(expected));
        expect(JSON.parse(written(Buffer.from(printed), 90_000, -1, {}))).toBe(object);
      },
    ),
  );
  fc.assert(
    fc.property(fc.option(text), fc.option(fc.array(text)), (a, b) => {
      const quote = (value: string) => `"${value.replaceAll('\\', '\\\\').replaceAll('"', '""')}"`;
      const printed = `(${a === null ? '' : quote(a)},${b === null ? '' : quote(arrayText(b))})`;
      const object = JSON.parse(written(Buffer.from(printed), 91_000, -1, { composites: 'object' })) as unknown;
      expect(object).toEqual({ a: a?.toWellFormed() ?? null, b: b?.map((each) => each.toWellFormed()) ?? null });
    }),
  );
});

describe('calendar and clock beside a model of big integers', () => {
  const perDay = 86_400_000_000n;
  /** Days from year, month and day by counting leap years, nothing else. */
  const modelDays = (year: number, month: number, day: number) => {
    const lengths = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    const isLeap = (y: number) => (y % 4 === 0 && y % 100 !== 0) || y % 400 === 0;
    const leaps = (y: number) => Math.floor((y - 1) / 4) - Math.floor((y - 1) / 100) + Math.floor((y - 1) / 400);
    let days = (year - 1970) * 365 + leaps(year) - leaps(1970);
    for (let m = 1; m < month; m++) days += (lengths[m - 1] ?? 0) + (m === 2 && isLeap(year) ? 1 : 0);
    return BigInt(days + day - 1);
  };
  const date = fc.record({
    year: fc.integer({ min: -4712, max: 294_246 }),
    month: fc.integer({ min: 1, max: 12 }),
    day: fc.integer({ min: 1, max: 28 }),
  });
  const clock = fc.record({ hour: fc.nat(23), minute: fc.nat(59), second: fc.nat(59), micros: fc.nat(999_999) });
  const two = (value: number) => String(value).padStart(2, '0');
  const dateText = ({ year, month, day }: { year: number; month: number; day: number }) => {
    return `${String(year > 0 ? year : 1 - year).padStart(4, '0')}-${two(month)}-${two(day)}`;
  };
  const clockText = (c: { hour: number; minute: number; second: number; micros: number }) => {
    const fraction = c.micros === 0 ? '' : `.${String(c.micros).padStart(6, '0').replace(/0+$/, '')}`;
    return `${two(c.hour)}:${two(c.minute)}:${two(c.second)}${fraction}`;
  };
  const microsOf = (c: { hour: number; minute: number; second: number; micros: number }) => {
    return BigInt((c.hour * 60 + c.minute) * 60 + c.second) * 1_000_000n + BigInt(c.micros);
  };

  test('timestamps in milliseconds, microseconds and nanoseconds', () => {
    fc.assert(
      fc.property(date, clock, (d, c) => {
        const era = d.year > 0 ? '' : ' BC';
        const printed = Buffer.from(`${dateText(d)} ${clockText(c)}${era}`);
        const micros = modelDays(d.year, d.month, d.day) * perDay + microsOf(c);
        expect(written(printed, oids.timestamp, -1, { time: 'microseconds' })).toBe(String(micros));
        const millis = micros < 0n && micros % 1000n !== 0n ? micros / 1000n - 1n : micros / 1000n;
        expect(written(printed, oids.timestamp, -1, { time: 'connect' })).toBe(String(millis));
        if (d.year >= 1678 && d.year < 2262) {
          expect(written(printed, oids.timestamp, -1, { time: 'nanoseconds' })).toBe(String(micros * 1000n));
        }
        expect(written(Buffer.from(`${dateText(d)}${era}`), oids.date, -1, {})).toBe(
          String(micros / perDay - (micros % perDay < 0n ? 1n : 0n)),
        );
      }),
      { numRuns: 1000 },
    );
  });

  test('zoned timestamps are the same moment in UTC', () => {
    fc.assert(
      fc.property(date, clock, fc.integer({ min: -15, max: 15 }), fc.nat(59), (d, c, hours, minutes) => {
        fc.pre(d.year > 1 && d.year < 9999);
        const sign = hours < 0 ? '-' : '+';
        const printed = `${dateText(d)} ${clockText(c)}${sign}${two(Math.abs(hours))}:${two(minutes)}`;
        const utc = JSON.parse(written(Buffer.from(printed), oids.timestamptz, -1, {})) as string;
        const [, days, time] = /^([\d-]+)T([\d:.]+)Z$/.exec(utc) ?? [];
        const back = written(Buffer.from(`${days} ${time}`), oids.timestamp, -1, { time: 'microseconds' });
        const offset = BigInt((Math.abs(hours) * 60 + minutes) * (hours < 0 ? -60 : 60)) * 1_000_000n;
        expect(back).toBe(String(modelDays(d.year, d.month, d.day) * perDay + microsOf(c) - offset));
      }),
      { numRuns: 500 },
    );
  });

  test('intervals', () => {
    const part = fc.integer({ min: -10_000, max: 10_000 });
    fc.assert(
      fc.property(part, part, clock, fc.boolean(), (months, days, c, isNegative) => {
        const printed = Buffer.from(`${months} mons ${days} days ${isNegative ? '-' : '+'}${clockText(c)}`);
        const micros =
          BigInt(months) * 2_629_800_000_000n + BigInt(days) * perDay + microsOf(c) * (isNegative ? -1n : 1n);
        expect(written(printed, oids.interval, -1, {})).toBe(String(micros));
      }),
    );
  });
});

test('exact decimals of any size give their digits back', () => {
  const digits = fc.tuple(fc.boolean(), fc.bigInt({ min: 0n, max: 10n ** 40n }), fc.integer({ min: 0, max: 30 }));
  fc.assert(
    fc.property(
      fc.oneof(digits, fc.tuple(fc.boolean(), fc.bigInt({ min: 0n, max: 10n ** 16n }), fc.integer({ min: 0, max: 8 }))),
      ([isNegative, value, scale]) => {
        const plain = value.toString().padStart(scale + 1, '0');
        const printed = `${isNegative && value > 0n ? '-' : ''}${plain.slice(0, plain.length - scale)}${scale > 0 ? `.${plain.slice(plain.length - scale)}` : ''}`;
        const modifier = ((1000 << 16) | scale) + 4;
        const encoded = Buffer.from(
          JSON.parse(written(Buffer.from(printed), oids.numeric, modifier, {})) as string,
          'base64',
        );
        expect(BigInt.asIntN(encoded.length * 8, BigInt(`0x${encoded.toString('hex')}`))).toBe(
          isNegative ? -value : value,
        );
        // The shortest form: one byte less would be another number.
        if (encoded.length > 1)
          expect([0x00, 0xff].includes(encoded[0] ?? 1) && (encoded[0] === 0xff) === (encoded[1] ?? 0) >= 0x80).toBe(
            false,
          );
      },
    ),
    { numRuns: 1000 },
  );
});

test('bytea in every mode', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 100 }), (value) => {
      const bytes = Buffer.from(value);
      const printed = Buffer.from(`\\x${bytes.toString('hex')}`);
      expect(JSON.parse(written(printed, oids.bytea, -1, {}))).toBe(bytes.toString('base64'));
      expect(JSON.parse(written(printed, oids.bytea, -1, { binary: 'hex' }))).toBe(bytes.toString('hex'));
      const urlSafe = JSON.parse(written(printed, oids.bytea, -1, { binary: 'base64-url-safe' })) as string;
      expect(urlSafe.replaceAll('=', '')).toBe(bytes.toString('base64url'));
    }),
  );
});

const everyOid = [...Object.values(oids), ...elementOids.keys(), ...byOid.keys()];
const timeModes = ['adaptive', 'isostring', 'connect', 'microseconds', 'nanoseconds', 'structured', 'plain'] as const;

/** Bytes that look like what the types print, broken at any place. */
const noise = fc.oneof(
  fc.uint8Array({ maxLength: 60 }).map((value) => Buffer.from(value)),
  fc
    .array(
      fc.constantFrom(
        ...'0123456789-+.:,;()[]{}<>"\\/ =eEPYMDTHS$tfx'.split(''),
        'NULL',
        'NaN',
        'Infinity',
        'infinity',
        ' BC',
        '2016-11-04',
        '13:51:30',
        '+00',
        '=>',
        '\\x',
        ' mons',
        ' days',
        '[1:2]=',
        '0101',
        'é',
        '😀',
        '\u0001',
      ),
      { maxLength: 20 },
    )
    .map((parts) => Buffer.from(parts.join(''))),
);

test('no bytes make a writer hang, throw anything but a refusal, or write what is no JSON', () => {
  const mode = fc.record({
    decimal: fc.constantFrom('precise', 'double', 'string'),
    time: fc.constantFrom(...timeModes),
    interval: fc.constantFrom('numeric', 'string'),
    hstore: fc.constantFrom('json', 'map'),
    binary: fc.constantFrom('bytes', 'base64', 'base64-url-safe', 'hex'),
    dimensions: fc.constantFrom('one', 'nested'),
    unknownTypes: fc.constantFrom('bytes', 'text'),
    composites: fc.constantFrom('unknown', 'object'),
  }) as fc.Arbitrary<Partial<ValueModes>>;
  const modifier = fc.constantFrom(-1, 0, 1, 3, 8, ((10 << 16) | 2) + 4, ((3 << 16) | 0x7fe) + 4);
  fc.assert(
    fc.property(fc.constantFrom(...everyOid), modifier, mode, noise, (oid, mod, modes, bytes) => {
      let json: string;
      try {
        json = written(bytes, oid, mod, modes);
      } catch (error) {
        expect(error).toBeInstanceOf(Unrepresentable);
        return;
      }
      expect(() => JSON.parse(json)).not.toThrow();
    }),
    { numRuns: 20_000 },
  );
});

test('the lean format takes json as it is', () => {
  fc.assert(
    fc.property(fc.json(), (json) => {
      const { json: mode } = leanModes;
      expect(written(Buffer.from(json), oids.jsonb, -1, { json: mode })).toBe(json);
    }),
  );
});
