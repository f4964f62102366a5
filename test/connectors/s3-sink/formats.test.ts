/** Values into objects: the JSON check against JSON.parse, and what each format writes. */

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { definition, type S3SinkConfig } from '../../../connectors/s3-sink/config.ts';
import { createFormat, type Format } from '../../../connectors/s3-sink/formats/format.ts';
import {
  checkJson,
  deepestNesting,
  jsonBad,
  jsonClean,
  jsonHasBreaks,
} from '../../../connectors/s3-sink/formats/json-check.ts';
import { LineBreaks } from '../../../connectors/s3-sink/formats/line-breaks.ts';
import { JsonChecker } from '../../../core/base/kernels/json-checker.ts';

const checker = new JsonChecker();
const implementations = [
  ['plain', checkJson],
  ['kernel', (bytes: Buffer, start: number, end: number) => checker.check(bytes, start, end)],
] as const;

/** The text stands between bytes that would change the verdict if they were looked at. */
function verdictOf(checkBytes: (bytes: Buffer, start: number, end: number) => number, text: string): number {
  const inside = Buffer.from(`"${text}}`);
  return checkBytes(inside, 1, inside.length - 1);
}

function parses(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

describe('many documents in one buffer', () => {
  test('each has its own verdict, in any order, across what the kernel holds at a time', () => {
    const documents = ['{"a":1}', '[1,\n2]', '{"a":}', `"${'x'.repeat(50_000)}"`, 'null', '{"b":"\\u00e9"}'];
    const texts = Array.from({ length: 40 }, (_, i) => documents[(i * 7) % documents.length]!);
    const bytes = Buffer.from(texts.join(''));
    const starts = texts.map((_, i) => texts.slice(0, i).join('').length);
    const many = new JsonChecker();
    const order = [...starts.keys(), ...starts.keys().toArray().reverse(), 3, 3, 39, 0];
    for (const i of order) {
      const range = [starts[i]!, starts[i]! + texts[i]!.length] as const;
      expect(many.check(bytes, ...range), `document ${i}`).toBe(checkJson(bytes, ...range));
    }
  });

  test('bytes that changed are seen after a reset', () => {
    const bytes = Buffer.from('{"a":1}');
    const one = new JsonChecker();
    expect(one.check(bytes, 0, 7)).toBe(jsonClean);
    bytes[5] = 0x3a;
    one.reset();
    expect(one.check(bytes, 0, 7)).toBe(jsonBad);
  });
});

describe.each(implementations)('the JSON check, %s', (_name, checkBytes) => {
  const check = (text: string) => verdictOf(checkBytes, text);

  test('agrees with JSON.parse on documents and their wounds', () => {
    const damaged = fc
      .tuple(
        fc.json(),
        fc.nat(),
        fc.nat({ max: 3 }),
        fc.constantFrom('', '"', '\\', '{', ']', ',', ':', '0', 'e', '-', '.', ' ', '\n', '\u0001', 'null'),
      )
      .map(([text, at, cut, put]) => {
        const position = at % (text.length + 1);
        return text.slice(0, position) + put + text.slice(position + cut);
      });
    fc.assert(
      fc.property(fc.oneof(fc.json(), damaged), (text) => {
        expect(check(text) !== jsonBad, text).toBe(parses(text));
      }),
      { numRuns: 3000 },
    );
  });

  test('agrees with JSON.parse on short texts of JSON signs', () => {
    const signs = fc.constantFrom(
      '{',
      '}',
      '[',
      ']',
      '"',
      ',',
      ':',
      '1',
      '0',
      '-',
      '.',
      'e',
      '+',
      't',
      'true',
      'nul',
      'null',
      ' ',
      '\t',
      '\n',
      '\\',
      '\\u00e4',
      '\\n',
      'ä',
      '\v',
    );
    fc.assert(
      fc.property(fc.array(signs, { maxLength: 8 }), (pieces) => {
        const text = pieces.join('');
        expect(check(text) !== jsonBad, text).toBe(parses(text));
      }),
      { numRuns: 5000 },
    );
  });

  test('tells documents with line breaks between tokens apart', () => {
    expect(check('{"a":1}')).toBe(jsonClean);
    expect(check('{"a":\n1}')).toBe(jsonHasBreaks);
    expect(check('{"a"\n:1}')).toBe(jsonHasBreaks);
    expect(check('{"a":1}\r')).toBe(jsonHasBreaks);
    expect(check('{"a":"\n"}')).toBe(jsonBad);
    expect(check('{"a":"\\n"}')).toBe(jsonClean);
  });

  test('bounds nesting', () => {
    const nested = (depth: number) => '['.repeat(depth) + ']'.repeat(depth);
    expect(check(nested(deepestNesting))).toBe(jsonClean);
    expect(check(nested(deepestNesting + 1))).toBe(jsonBad);
  });
});

function formatWith(settings: Record<string, string>): Format {
  const required = { name: 'n', 'connector.class': 's3', topics: 't', 's3.bucket.name': 'b' };
  return createFormat(definition.require({ ...required, ...settings }) as S3SinkConfig);
}

/** What the format makes of values, or the code of its complaint. */
function written(format: Format, ...values: string[]): string {
  const into = Buffer.alloc(1000, '!');
  let position = 0;
  for (const value of values) {
    const bytes = Buffer.from(`<${value}>`);
    const verdict = format.check(bytes, 1, bytes.length - 1);
    if (verdict === 0) return format.complaint().code;
    position = format.write(into, position, bytes, 1, bytes.length - 1, verdict);
  }
  return into.toString('utf8', 0, position);
}

describe('formats', () => {
  test('JSON lines are one document per line', () => {
    const format = formatWith({});
    expect(written(format, '{"a":1}', '{\n"b":\r\n2}')).toBe('{"a":1}\n{ "b":  2}\n');
    expect(written(format, 'plain text')).toBe('s3/bad-json');
    expect(written(format, '{"a":1} {"b":2}')).toBe('s3/bad-json');
  });

  test('the light check looks at both ends and still mends line breaks', () => {
    const format = formatWith({ 'json.check': 'light' });
    expect(written(format, '{"a" 1}', ' [1,\n2] ', '"x"', '-1', 'true', 'null')).toBe(
      '{"a" 1}\n [1, 2] \n"x"\n-1\ntrue\nnull\n',
    );
    for (const bad of ['', ' ', 'text', '{"a":1', '"', '-']) expect(written(format, bad)).toBe('s3/bad-json');
  });

  test('text keeps, mends or refuses line breaks', () => {
    expect(written(formatWith({ format: 'text' }), 'a', 'b\nc')).toBe('a\nb\nc\n');
    expect(written(formatWith({ format: 'text', 'text.newlines': 'space' }), 'a', 'b\nc')).toBe('a\nb c\n');
    expect(written(formatWith({ format: 'text', 'text.newlines': 'fail' }), 'a', 'b\nc')).toBe('s3/bad-text');
  });

  test('bytes follow each other, with a separator if told', () => {
    expect(written(formatWith({ format: 'bytes' }), 'a', 'b')).toBe('ab');
    expect(written(formatWith({ format: 'bytes', 'format.bytearray.separator': '\\r\\n' }), 'a', 'b')).toBe(
      'a\r\nb\r\n',
    );
    const confluent = formatWith({ 'format.class': 'io.confluent.connect.s3.format.bytearray.ByteArrayFormat' });
    expect(confluent.extension).toBe('.bin');
  });
});

describe('the search for line breaks', () => {
  test('answers as a plain search does, in any order', () => {
    const bytes = fc.array(fc.constantFrom(0x0a, 0x0d, 0x20, 0x41), { minLength: 1, maxLength: 60 });
    const ranges = fc.array(fc.tuple(fc.nat({ max: 60 }), fc.nat({ max: 10 })));
    fc.assert(
      fc.property(bytes, ranges, (content, asked) => {
        const buffer = Buffer.from(content);
        const breaks = new LineBreaks();
        for (const [from, length] of asked) {
          const start = Math.min(from, buffer.length);
          const end = Math.min(start + length, buffer.length);
          const expected = content.slice(start, end).some((byte) => byte === 0x0a || byte === 0x0d);
          expect(breaks.isIn(buffer, start, end)).toBe(expected);
        }
      }),
    );
  });
});
