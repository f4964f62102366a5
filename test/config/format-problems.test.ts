/** Problems on a terminal and in a pipe: the same text, with colour only where it is wanted. */

import { stripVTControlCharacters } from 'node:util';
import { describe, expect, test } from 'vitest';
import { formatProblems, type Problem, wantsColor } from '../../config/index.ts';

const found: Problem = {
  code: 'config/unknown-key',
  severity: 'error',
  path: 'source.pats',
  message: 'there is no such setting',
  fix: 'Did you mean paths?',
  file: 'p.yaml',
  line: 4,
  column: 3,
  excerpt: '  pats: /x',
};

describe('a report', () => {
  test('shows the place, the line with a caret, the cause and the fix', () => {
    expect(formatProblems([found], { color: false })).toBe(
      [
        'p.yaml:4:3 error source.pats: there is no such setting',
        '   4 |   pats: /x',
        '     |   ^',
        '  fix: Did you mean paths? [config/unknown-key]',
        '',
        '1 error',
        '',
      ].join('\n'),
    );
  });

  test('is the same with colour', () => {
    const colored = formatProblems([found, { ...found, severity: 'warning' }], { color: true });
    expect(colored).toContain('\u001b[31merror');
    expect(stripVTControlCharacters(colored)).toBe(
      formatProblems([found, { ...found, severity: 'warning' }], { color: false }),
    );
    expect(colored).toContain('1 error, 1 warning');
  });

  test('shows a long line around the column', () => {
    const excerpt = `${'a'.repeat(500)}X${'b'.repeat(500)}`;
    const [, line, caret] = formatProblems([{ ...found, excerpt, column: 501 }], { color: false }).split('\n');
    expect(line!.length).toBeLessThan(110);
    expect(line![caret!.indexOf('^')]).toBe('X');
  });

  test('lets nothing from a file reach the terminal as a control character', () => {
    const evil = '\u001b[2Jx\u0007';
    const report = formatProblems([{ ...found, message: evil, path: evil, fix: evil, excerpt: evil }], {
      color: false,
    });
    expect(report).not.toContain('\u001b');
    expect(report).not.toContain('\u0007');
  });

  test('of nothing is nothing', () => {
    expect(formatProblems([], { color: true })).toBe('');
  });

  test('does without place and line when there are none', () => {
    const { code, severity, path, message, fix } = found;
    expect(formatProblems([{ code, severity, path, message, fix }], { color: false })).toBe(
      'error source.pats: there is no such setting\n  fix: Did you mean paths? [config/unknown-key]\n\n1 error\n',
    );
  });
});

test('colour is for terminals whose owner did not refuse it', () => {
  expect(wantsColor({ isTTY: true }, {})).toBe(true);
  expect(wantsColor({ isTTY: true }, { NO_COLOR: '' })).toBe(true);
  expect(wantsColor({ isTTY: true }, { NO_COLOR: '1' })).toBe(false);
  expect(wantsColor({ isTTY: true }, { TERM: 'dumb' })).toBe(false);
  expect(wantsColor({}, {})).toBe(false);
});
