/** Loading reports every mistake of a file at once, each at its place, and survives any text. */

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { formatProblems, loadPipelines, type UserFiles } from '../../../config/index.ts';
import { userFiles } from '../../../config/pipeline/user-files.ts';
import { sampleCatalogue } from '../sample-catalogue.ts';
import { loadFiles, loadText, places } from './load-text.ts';

const folder = import.meta.dirname;
const valid = 'pipeline: p\nsource: { connector: lines, paths: /x }\n';

describe('eight mistakes in one file', () => {
  const files: UserFiles = { ...userFiles, read: (path, most) => userFiles.read(join(folder, path), most) };
  const load = () => loadPipelines(['eight-mistakes.pipeline'], { catalogue: sampleCatalogue, env: {}, files });

  test('are each reported with place, cause and fix', async () => {
    const { problems, pipelines } = await load();
    const report = formatProblems(problems, { color: false });
    await expect(report).toMatchFileSnapshot(join(folder, 'eight-mistakes.report.txt'));
    expect(pipelines).toEqual([]);
  });

  test('are the ones that were made, and no others', async () => {
    expect(places(await load())).toEqual([
      '3:1 missing-key source.paths',
      '5:3 unknown-key source.start.positon',
      '6:1 syntax',
      '8:27 wrong-type topics.web-logs.partitions',
      '8:46 bad-value topics.web-logs.retention.ms',
      '11:21 missing-reference sinks[0].s3.bucket.name',
      '14:25 bad-value sinks[0].rotate.interval.ms',
      '15:5 duplicate-key sinks[0].flush.size',
      '16:16 unknown-connector sinks[1].connector',
    ]);
  });
});

describe('YAML that is wrong as YAML', () => {
  test.each([
    ['an alias without anchor', `${valid}x-a: *nope\n`, ['3:6 bad-anchor x-a']],
    ['an alias to what contains it', `${valid}x-a: &a { b: *a }\n`, ['3:14 bad-anchor x-a.b']],
    [
      'a glob that looks like an alias',
      'pipeline: p\nsource: { connector: lines, paths: *.log }\n',
      ['2:36 bad-anchor source.paths'],
    ],
    ['a key twice at the top', `${valid}pipeline: q\n`, ['3:1 duplicate-key pipeline']],
    ['a quote without end', `${valid}x-a: 'open\n`, ['4:1 syntax']],
    ['a reserved character', `${valid}x-a: @home\n`, ['3:6 syntax']],
    ['two colons', `${valid}x-a: b: c\n`, ['3:6 syntax']],
    ['an unknown tag', `${valid}x-a: !what b\n`, ['3:6 syntax']],
    ['a key that is a list', `${valid}x-a: { [a]: b }\n`, ['3:8 wrong-type x-a']],
    ['tabs on several levels', 'pipeline: p\nsource:\n\tconnector: lines\n\tpaths: /x\n', ['3:1 syntax', '4:1 syntax']],
    ['a forgotten colon, once', 'pipeline p\nsource: x\n', ['1:1 syntax']],
    ['a key too far to the right, once', 'pipeline: p\nsource:\n  connector: lines\n   paths: /x\n', ['3:14 syntax']],
    ['nothing but a comment', '# empty\n', ['1:1 empty-file']],
    ['nothing', '', ['1:1 empty-file']],
    ['a text', 'hello\n', ['1:1 wrong-type']],
    ['a list', '- a\n', ['1:1 wrong-type']],
    [
      'levels without end',
      `x-a: ${'['.repeat(60)}${']'.repeat(60)}\n`,
      ['1:1 missing-key pipeline', '1:1 missing-key source', '1:55 too-large'],
    ],
  ])('%s', async (_name, text, expected) => {
    expect(places(await loadText(text)).map((each) => each.replace(/(too-large) .*/, '$1'))).toEqual(expected);
  });

  test('does not hide what is wrong behind it', async () => {
    const text = 'pipeline: "p\\q"\nsource:\n  connector: lines\n  paths: @x\n  formt: 1\nsinks: 7\n';
    expect(places(await loadText(text))).toEqual([
      '1:11 bad-name pipeline',
      '1:13 syntax',
      '4:10 syntax',
      '5:3 unknown-key source.formt',
      '6:8 wrong-type sinks',
    ]);
  });

  test('tabs inside texts are nobody’s business', async () => {
    expect((await loadText(`${valid}x-a: |\n  one\n  \ttwo\nx-b:\t3\nx-c: [1,\n \t2]\n`)).problems).toEqual([]);
  });

  test('aliases cannot unfold without end', async () => {
    const levels = ['x-a0: &a0 [x, x, x, x, x, x, x, x, x, x]'];
    for (let i = 1; i < 9; i++)
      levels.push(
        `x-a${i}: &a${i} [${Array(10)
          .fill(`*a${i - 1}`)
          .join(', ')}]`,
      );
    const { problems } = await loadText(`${valid}${levels.join('\n')}\n`);
    expect(problems.map((each) => each.code)).toEqual(['config/too-large']);
  });
});

describe('files and folders', () => {
  test('a folder means its YAML files in order of name, and a file named twice is read once', async () => {
    const files = {
      'f/b.yml': 'pipeline: b\nsource: { connector: lines, paths: /b }\n',
      'f/a.yaml':
        'pipeline: a\nsource: { connector: lines, paths: /a }\n---\npipeline: a2\nsource: { connector: lines, paths: /a }\n',
      'f/notes.txt': 'not YAML: [',
    };
    const { pipelines, problems } = await loadFiles(files, ['f', './f/a.yaml']);
    expect(pipelines.map((each) => [each.name, each.file])).toEqual([
      ['a', 'f/a.yaml'],
      ['a2', 'f/a.yaml'],
      ['b', 'f/b.yml'],
    ]);
    expect(problems).toEqual([]);
  });

  test('what is not there or empty is a problem of its own', async () => {
    const result = await loadFiles({ 'empty/x.txt': '' }, ['nowhere.yaml', 'empty']);
    expect(
      result.problems.map((each) => `${each.file}:${each.line}:${each.column} ${each.code} ${each.message}`),
    ).toEqual([
      'nowhere.yaml:1:1 config/missing-file the file cannot be read: there is no such file',
      'empty:1:1 config/empty-file the folder has no .yaml or .yml file',
    ]);
  });

  test('a file that is not UTF-8 or far too large is refused', async () => {
    const latin = await loadFiles({ 'p.yaml': Buffer.from('pipeline: caf\xe9\n', 'latin1') }, ['p.yaml']);
    expect(places(latin)[0]).toBe('1:1 missing-key source');
    expect(places(latin)).toContain('1:14 syntax');
    const large = await loadFiles({ 'p.yaml': '#'.repeat(2 ** 21) }, ['p.yaml']);
    expect(large.problems.map((each) => each.code)).toEqual(['config/missing-file']);
  });

  test('a byte order mark is nothing', async () => {
    expect((await loadText(`\uFEFF${valid}`)).problems).toEqual([]);
  });

  test('names are used once, across files too', async () => {
    const a = 'pipeline: a\nsource: { connector: lines, paths: /x, name: n }\ntopics: { a: {} }\n';
    const b =
      'pipeline: b\nsource: { connector: lines, topic: a, paths: /y, name: n }\ntopics:\n  a: {}\n---\npipeline: a\nsource: { topic: z }\nsinks: [{ connector: bucket, s3.bucket.name: x }]\n';
    const result = await loadFiles({ 'a.yaml': a, 'b.yaml': b }, ['a.yaml', 'b.yaml']);
    expect(places(result)).toEqual([
      '2:56 duplicate-name name',
      '4:3 duplicate-name topics.a',
      '6:11 duplicate-name pipeline',
    ]);
    expect(result.problems[0]).toMatchObject({
      file: 'b.yaml',
      message: 'the connector n is there already, in a.yaml:2',
    });
  });
});

describe('any text', () => {
  const yamlish = fc.array(
    fc.constantFrom(
      ...[
        'pipeline: p\n',
        'source:\n',
        '  connector: lines\n',
        '  paths: /x\n',
        'sinks:\n',
        '  - connector: bucket\n',
        '    ',
      ],
      ...[
        '\t',
        '\n',
        '- ',
        ': ',
        '{',
        '}',
        '[',
        ']',
        ', ',
        '&a ',
        '*a',
        '<<: ',
        "'",
        '"',
        '#',
        '|\n',
        '>',
        '? ',
        '!!str ',
        '---\n',
      ],
      ...[`\${env:X}`, `\${`, '$$', 'topics', 'errors: ', 'tolerance', 'é😀', '\r\n', '\0', 'null', '%', '@'],
    ),
    { maxLength: 60 },
  );

  async function expectPlaces(text: string): Promise<void> {
    const { problems, pipelines } = await loadText(text, { X: 'value' });
    const lines = text.replace(/^\uFEFF/, '').split(/\r?\n/);
    for (const { line, column, message, fix, excerpt } of problems) {
      expect(line).toBeGreaterThanOrEqual(1);
      expect(line).toBeLessThanOrEqual(lines.length);
      expect(column).toBeGreaterThanOrEqual(1);
      expect(column).toBeLessThanOrEqual(lines[line! - 1]!.length + 1);
      expect([message, fix, excerpt].every((part) => typeof part === 'string')).toBe(true);
    }
    if (pipelines.length === 0) expect(problems.some((each) => each.severity === 'error')).toBe(true);
    formatProblems(problems, { color: true });
  }

  test('that breaks off before a Windows line end is said to break off there', async () => {
    await expectPlaces('{[}\r\n');
  });

  test('made of pieces of YAML gives pipelines or problems with valid places', async () => {
    await fc.assert(
      fc.asyncProperty(yamlish, async (pieces) => expectPlaces(pieces.join(''))),
      { numRuns: 1500 },
    );
  });

  test('of any characters gives problems with valid places', async () => {
    await fc.assert(fc.asyncProperty(fc.string({ unit: 'binary', maxLength: 200 }), expectPlaces), { numRuns: 500 });
  });

  test('made from a good file by damaging it gives pipelines or problems with valid places', async () => {
    const good = await readFile(join(folder, 'eight-mistakes.pipeline'), 'utf8');
    const damage = fc.tuple(fc.nat(good.length), fc.nat(20), fc.string({ maxLength: 5 }));
    const property = fc.asyncProperty(fc.array(damage, { maxLength: 4 }), async (edits) => {
      let text = good;
      for (const [at, length, insert] of edits) text = text.slice(0, at) + insert + text.slice(at + length);
      await expectPlaces(text);
    });
    await fc.assert(property, { numRuns: 500 });
  });
});
