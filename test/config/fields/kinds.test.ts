/** Each kind of setting takes what it says, refuses the rest with a way out, and prints what it reads. */

import { inspect } from 'node:util';
import { describe, expect, test } from 'vitest';
import type { AnyField } from '../../../config/fields/field.ts';
import { field, Secret } from '../../../config/index.ts';

const doc = 'For the test.';
const show = (text: string) => JSON.stringify(text);

function read(one: AnyField, text: string): unknown {
  const parsed = one.parse(text, show);
  return 'value' in parsed ? parsed.value : `${parsed.message}. ${parsed.fix}`;
}

describe('kinds of settings', () => {
  test('booleans', () => {
    const one = field.boolean({ doc });
    expect(['true', 'FALSE', ' true '].map((text) => read(one, text))).toEqual([true, false, true]);
    expect(read(one, 'yes')).toBe('"yes" is neither true nor false. Write true or false.');
  });

  test('numbers and their ends', () => {
    const one = field.int({ doc, min: 1, max: 10 });
    expect(read(one, '7')).toBe(7);
    expect(read(one, '0')).toBe('"0" is too small. Write 1 or more.');
    expect(read(one, '11')).toBe('"11" is too large. Write 10 or less.');
    expect(read(one, '1.5')).toContain('is not a whole number');
    expect(read(field.number({ doc }), '1.5e2')).toBe(150);
    expect(read(field.number({ doc }), '0x10')).toContain('is not a number');
    expect(read(field.duration({ doc }), '-1')).toBe('"-1" is too small. Write 0 or more.');
    expect(read(field.bytes({ doc, max: 2 ** 20 }), '2MiB')).toBe('"2MiB" is too large. Write 1MiB or less.');
  });

  test('choices, in any case and under other spellings', () => {
    const one = field.choice(['jsonl', 'text'], { doc, also: { 'org.example.Json': 'jsonl' } });
    expect([read(one, 'Text'), read(one, 'ORG.example.json')]).toEqual(['text', 'jsonl']);
    expect(read(one, 'txt')).toBe('"txt" is not one of the choices. Did you mean text? Choose jsonl or text.');
    expect(read(one, 'parquet')).toBe('"parquet" is not one of the choices. Choose jsonl or text.');
  });

  test('lists and globs', () => {
    expect(read(field.list({ doc }), 'a,b')).toEqual(['a', 'b']);
    expect(read(field.globs({ doc }), '/x/*.{a,b}')).toEqual(['/x/*.{a,b}']);
    expect(read(field.list({ doc }), ' , ')).toContain('the list is empty');
  });

  test('topics', () => {
    expect(read(field.topic({ doc }), 'web-logs_1.x')).toBe('web-logs_1.x');
    expect(read(field.topics({ doc }), 'a, b')).toEqual(['a', 'b']);
    for (const name of ['', '.', '..', 'a b', 'ä', 'x'.repeat(250)]) {
      expect(read(field.topic({ doc }), name)).toContain('cannot be the name of a topic');
    }
    expect(read(field.topics({ doc }), 'a,b/c')).toContain('"b/c" cannot be the name');
  });

  test('patterns, addresses, paths', () => {
    expect(read(field.regex({ doc }), 'logs\\..*')).toEqual(/logs\..*/u);
    expect(read(field.regex({ doc }), '(')).toContain('is not a regular expression');
    const url = field.url({ doc, schemes: ['https', 'file'] });
    expect(read(url, 'https://h:1/x')).toBe('https://h:1/x');
    expect(read(url, 'file:relative/folder')).toBe('file:relative/folder');
    expect(read(url, 'ftp://h')).toContain('Write an address that starts with https: or file:.');
    expect(read(field.path({ doc }), './x y')).toBe('./x y');
    expect(read(field.path({ doc }), '')).toContain('the value is empty');
    expect(read(field.path({ doc }), 'a\0b')).toContain('zero byte');
  });

  test('further rules of one setting', () => {
    const even = field.int({ doc, check: (n) => (n % 2 === 0 ? undefined : { message: 'odd', fix: 'Add one.' }) });
    expect([read(even, '2'), read(even, '3')]).toEqual([2, 'odd. Add one.']);
  });

  test('what is printed is read back', () => {
    const cases: [AnyField, string][] = [
      [field.boolean({ doc }), 'true'],
      [field.int({ doc }), '-5'],
      [field.duration({ doc }), '1h30m'],
      [field.bytes({ doc }), '128MiB'],
      [field.list({ doc }), 'a\\,b,c'],
      [field.globs({ doc }), '/x/{a,b},/y'],
      [field.regex({ doc }), 'a/b.*'],
      [field.secret({ doc }), 'hunter2'],
    ];
    for (const [one, text] of cases) {
      const value = read(one, text);
      const again = read(one, one.print(value));
      expect(value instanceof Secret ? (again as Secret).reveal() : again).toEqual(
        value instanceof Secret ? value.reveal() : value,
      );
    }
  });
});

describe('a secret', () => {
  test('shows its value to nobody who does not ask for it', () => {
    const secret = read(field.secret({ doc }), 'hunter2') as Secret;
    expect(secret.reveal()).toBe('hunter2');
    const shown = [
      String(secret),
      `${secret}`,
      JSON.stringify({ secret }),
      inspect(secret),
      inspect({ a: [secret] }, { showHidden: true }),
    ];
    for (const text of shown) expect(text).not.toContain('hunter2');
  });
});
