/** The scenarios of the Postgres source name each their tests, and the tests they name are there. */

import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { expect, test } from 'vitest';

const folder = resolve(import.meta.dirname, '../../connectors/postgres-source');
const scenarioCount = 66;

/** What is wrong with the table: rows that are missing or show nothing, and tests that are not there. */
function problems(markdown: string, textOf: (path: string) => string | undefined): string[] {
  const rows = new Map<number, string>();
  const found: string[] = [];
  for (const [, number, rest = ''] of markdown.matchAll(/^\| (?:(\d+) \| )?(.*) \|$/gm)) {
    // A row without a number is a title, or one more that shows a test.
    if (number === undefined) {
      if (rest.includes('](')) found.push(...rowProblems(rest, textOf));
      continue;
    }
    if (rows.has(Number(number))) found.push(`${number}: there twice`);
    rows.set(Number(number), rest);
  }
  for (let number = 1; number <= scenarioCount; number += 1) {
    const row = rows.get(number);
    if (row === undefined) found.push(`${number}: missing`);
    else found.push(...rowProblems(row, textOf).map((problem) => `${number}: ${problem}`));
  }
  return found;
}

function rowProblems(row: string, textOf: (path: string) => string | undefined): string[] {
  const tests = [...row.matchAll(/\[([^\]]+)\]\(([^)]+\.ts)\)/g)];
  if (tests.length === 0) return row.includes('not covered') ? [] : ['shows no test, and does not say so'];
  return tests.flatMap(([, title = '', path = '']) => {
    const text = textOf(path);
    if (text === undefined) return [`${path} is not there`];
    const isThere = ["'", '"', '`'].some((quote) => text.includes(`${quote}${title}`));
    return isThere ? [] : [`${path} has no test "${title}"`];
  });
}

test('every scenario is in the table, and every test it names is there', () => {
  const markdown = readFileSync(join(folder, 'SCENARIOS.md'), 'utf8');
  const textOf = (path: string) => {
    const file = join(folder, path);
    return existsSync(file) ? readFileSync(file, 'utf8') : undefined;
  };
  expect(problems(markdown, textOf)).toEqual([]);
});

test('the rule fails on a bad table', () => {
  const all = Array.from({ length: scenarioCount }, (_, i) => `| ${i + 1} | a | not covered: b |`);
  const bad = (first: string) => problems([first, ...all.slice(1)].join('\n'), () => "test('there', () => {});");
  expect(bad(all[0] ?? '')).toEqual([]);
  expect(bad('| 1 | a | [there](a.test.ts) |')).toEqual([]);
  expect(bad('| 1 | a | b |')).toEqual(['1: shows no test, and does not say so']);
  expect(bad('| 1 | a | [gone](a.test.ts) |')).toEqual(['1: a.test.ts has no test "gone"']);
  expect(bad(`${all[0]}\n| a | [gone](a.test.ts) |`)).toEqual(['a.test.ts has no test "gone"']);
  expect(bad('| 2 | a | not covered |')).toEqual(['2: there twice', '1: missing']);
  expect(problems(all.join('\n').replace('not covered: b', '[a](x.ts)'), () => undefined)).toHaveLength(1);
});
