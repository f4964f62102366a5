/** Where records go: fields found in bytes, times turned into folders, text made safe for keys. */

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { definition } from '../../../connectors/s3-sink/config.ts';
import { compilePattern, patternComplaint } from '../../../connectors/s3-sink/partitioners/date-pattern.ts';
import { createExtractor } from '../../../connectors/s3-sink/partitioners/extractors.ts';
import { FieldScanner } from '../../../connectors/s3-sink/partitioners/field-scanner.ts';
import { createPartitioner, layoutOf } from '../../../connectors/s3-sink/partitioners/partitioner.ts';
import { escapePart, noValue } from '../../../connectors/s3-sink/partitioners/path-escape.ts';
import { TimeBuckets } from '../../../connectors/s3-sink/partitioners/time-buckets.ts';
import { TimeZone } from '../../../connectors/s3-sink/partitioners/time-zone.ts';
import { RunOfRecords } from '../../fakes/run-of-records.ts';

function find(name: string, text: string): string | undefined {
  const bytes = Buffer.from(`"${text}"`);
  const found = new FieldScanner(name).find(bytes, 1, bytes.length - 1);
  return found && `${found.kind}:${found.text}`;
}

describe('the field scanner', () => {
  test('finds fields of every kind, also inside others', () => {
    const text = '{"x":{"b":[1,"}"],"c":"in\\"ner"}, "a" : 12.5e3 ,"t":true,"n":null,"s":"","u":"\\u00e4"}';
    expect(find('a', text)).toBe('number:12.5e3');
    expect(find('x.c', text)).toBe('text:in"ner');
    expect(find('x.b', text)).toBe('nested:[1,"}"]');
    expect(find('t', text)).toBe('word:true');
    expect(find('n', text)).toBe('null:null');
    expect(find('s', text)).toBe('text:');
    expect(find('u', text)).toBe('text:ä');
    expect(find('missing', text)).toBeUndefined();
    expect(find('a.b', text)).toBeUndefined();
    expect(find('b', text)).toBeUndefined();
    expect(find('ä', '{"\\u00e4":1}')).toBe('number:1');
  });

  test('agrees with JSON.parse', () => {
    const key = fc.constantFrom('a', 'b', 'c', 'ä', 'q"', 'back\\slash');
    const leaf = fc.oneof(
      fc.string(),
      fc.double({ noNaN: true, noDefaultInfinity: true }),
      fc.boolean(),
      fc.constant(null),
    );
    const { tree } = fc.letrec<{ tree: unknown }>((tie) => ({
      tree: fc.oneof({ maxDepth: 3 }, fc.dictionary(key, fc.oneof(leaf, tie('tree'))), leaf, fc.array(leaf)),
    }));
    fc.assert(
      fc.property(tree, key, key, (value, first, second) => {
        const text = JSON.stringify(value, null, 1);
        const inner = (from: unknown, name: string) =>
          typeof from === 'object' && from !== null && !Array.isArray(from)
            ? (from as Record<string, unknown>)[name]
            : undefined;
        const expected = inner(inner(value, first), second);
        const found = find(`${first}.${second}`, text);
        if (expected === undefined) expect(found).toBeUndefined();
        else if (expected === null) expect(found).toBe('null:null');
        else if (typeof expected === 'object') expect(found).toMatch(/^nested:/);
        else if (typeof expected === 'string') expect(found).toBe(`text:${expected}`);
        else expect(found?.split(':')[1]).toBe(JSON.stringify(expected));
      }),
      { numRuns: 1000 },
    );
  });

  test('never reads outside and never throws', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        find('a', text);
        find('a', `{"a":${text}`);
      }),
    );
  });
});

describe('parts of keys', () => {
  test('are safe and different for different texts (46)', () => {
    expect(escapePart('')).toBe(noValue);
    expect(escapePart('..')).toBe('%2E%2E');
    expect(escapePart('../a/b')).toBe('..%2Fa%2Fb');
    expect(escapePart('a=b c')).toBe('a%3Db%20c');
    expect(escapePart('ünï')).toBe('%C3%BCn%C3%AF');
    expect(escapePart('x'.repeat(5000)).length).toBeLessThanOrEqual(180);
    fc.assert(
      fc.property(
        fc.string({ unit: 'grapheme', maxLength: 300 }),
        fc.string({ unit: 'grapheme', maxLength: 300 }),
        (a, b) => {
          expect(escapePart(a)).toMatch(/^(?!\.{1,2}$)[A-Za-z0-9_.:+@,%~-]{1,180}$/);
          expect(escapePart(a) === escapePart(b)).toBe(a === b);
        },
      ),
    );
  });
});

describe('date patterns', () => {
  const at = Date.UTC(2026, 1, 3, 15, 4, 5, 67);

  test('render as Joda-Time does', () => {
    const cases: Readonly<Record<string, string>> = {
      "'year'=YYYY/'month'=MM/'day'=dd/'hour'=HH": 'year=2026/month=02/day=03/hour=15',
      'yy-M-d': '26-2-3',
      'DDD EEE EEEE e': '034 Tue Tuesday 2',
      'MMM MMMM': 'Feb February',
      'hh:mm:ss.SSS a': '03:04:05.067 PM',
      'k K H': '15 3 15',
      "'o''clock' ''": "o'clock '",
    };
    for (const [pattern, expected] of Object.entries(cases))
      expect(compilePattern(pattern, 'en-US')(at)).toBe(expected);
  });

  test('are refused with a reason', () => {
    expect(patternComplaint('YYYY/MM')).toBeUndefined();
    expect(patternComplaint('year=YYYY')).toMatch(/letter r/);
    expect(patternComplaint("'year=YYYY")).toMatch(/quote/);
    expect(patternComplaint('')).toMatch(/empty/);
    expect(patternComplaint('YYYY//MM')).toMatch(/empty folder/);
  });
});

describe('time folders', () => {
  const hours = (timezone: string) =>
    new TimeBuckets({ pattern: "YYYY-MM-dd'T'HH", durationMs: 3_600_000, timezone, locale: 'en-US' });

  test('follow the zone across its changes (49)', () => {
    const berlin = hours('Europe/Berlin');
    expect(berlin.route(Date.UTC(2026, 2, 29, 0, 59)).path).toBe('2026-03-29T01');
    expect(berlin.route(Date.UTC(2026, 2, 29, 1, 0)).path).toBe('2026-03-29T03');
    expect(berlin.route(Date.UTC(2026, 9, 25, 0, 30)).path).toBe('2026-10-25T02');
    expect(berlin.route(Date.UTC(2026, 9, 25, 1, 30)).path).toBe('2026-10-25T02');
    expect(hours('Asia/Kolkata').route(Date.UTC(2026, 0, 1, 0, 29)).path).toBe('2026-01-01T05');
    expect(hours('Asia/Kolkata').route(Date.UTC(2026, 0, 1, 0, 30)).path).toBe('2026-01-01T06');
  });

  test('share one for missing and absurd times (50)', () => {
    const buckets = hours('UTC');
    for (const ms of [-1, Number.NaN, 1e15, Number.POSITIVE_INFINITY]) expect(buckets.route(ms).path).toBe(noValue);
  });

  test('give the same answer in any order of asking', () => {
    const time = fc.integer({ min: Date.UTC(2026, 2, 28), max: Date.UTC(2026, 2, 31) });
    fc.assert(
      fc.property(
        fc.array(time),
        fc.constantFrom('UTC', 'Europe/Berlin', 'Asia/Kathmandu', 'America/St_Johns'),
        (times, zone) => {
          const shared = hours(zone);
          for (const ms of times) expect(shared.route(ms)).toEqual(hours(zone).route(ms));
        },
      ),
      { numRuns: 50 },
    );
  });

  test('end when their span ends', () => {
    expect(hours('UTC').route(Date.UTC(2026, 0, 1, 5, 30)).endMs).toBe(Date.UTC(2026, 0, 1, 6));
    expect(new TimeZone('Europe/Berlin').toUtcMs(Date.UTC(2026, 6, 1, 0))).toBe(Date.UTC(2026, 5, 30, 22));
  });
});

describe('time extractors', () => {
  test('read numbers and ISO text of a field, and nothing else (50)', () => {
    const extractor = createExtractor('recordfield', 'at');
    const timeOf = (value: string) => {
      const run = new RunOfRecords('t', 0, [{ offset: 0, value }]);
      run.next();
      return extractor.timeMs(run);
    };
    expect(timeOf('{"at":1767225600000}')).toBe(Date.UTC(2026, 0, 1));
    expect(timeOf('{"at":"2026-01-01T01:00:00+01:00"}')).toBe(Date.UTC(2026, 0, 1));
    expect(timeOf('{"at":"2026-01-01 00:00:00,000"}')).toBe(Date.UTC(2026, 0, 1));
    expect(timeOf('{"at":"2026-01-01"}')).toBe(Date.UTC(2026, 0, 1));
    expect(timeOf('{"at":"2026-01-01T00:00:00.5+0000"}')).toBe(Date.UTC(2026, 0, 1) + 500);
    for (const bad of ['{"at":"yesterday"}', '{"at":null}', '{"at":"1/2/26"}', '{}', 'x'])
      expect(timeOf(bad)).toBeNaN();
  });
});

describe('partitioners', () => {
  const route = (settings: Record<string, string>, value: string, timestampMs = 0) => {
    const required = { name: 'n', 'connector.class': 's3', topics: 't', 's3.bucket.name': 'b' };
    const partitioner = createPartitioner(layoutOf(definition.require({ ...required, ...settings })), 3);
    const run = new RunOfRecords('t', 3, [{ offset: 0, value, timestampMs }]);
    run.next();
    return partitioner.route(run, partitioner.extractor.timeMs(run))?.path;
  };

  test('go by partition, fields or time, under short and under Java names', () => {
    const java = 'io.confluent.connect.storage.partitioner';
    expect(route({}, '{}')).toBe('partition=3');
    expect(route({ 'partitioner.class': `${java}.DefaultPartitioner` }, '{}')).toBe('partition=3');
    const fields = { 'partitioner.class': `${java}.FieldPartitioner`, 'partition.field.name': 'a,b.c' };
    expect(route(fields, '{"a":"x/y","b":{"c":7}}')).toBe('a=x%2Fy/b.c=7');
    expect(route(fields, '{"a":null,"b":{"c":""}}')).toBe(`a=${noValue}/b.c=${noValue}`);
    expect(route(fields, '{"a":1}')).toBeUndefined();
    expect(route(fields, '{"a":[],"b":{"c":1}}')).toBeUndefined();
    const hourly = { 'partitioner.class': `${java}.HourlyPartitioner`, 'timestamp.extractor': 'Record' };
    expect(route(hourly, '{}', Date.UTC(2026, 0, 2, 3))).toBe('year=2026/month=01/day=02/hour=03');
    expect(route({ ...hourly, 'partitioner.class': 'daily' }, '{}', Date.UTC(2026, 0, 2, 3))).toBe(
      'year=2026/month=01/day=02',
    );
  });
});
