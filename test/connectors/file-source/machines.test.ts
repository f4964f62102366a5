/** The pure parts: identity, the line cutter, the fair queue and the globs, each against a simple model. */

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { FairQueue } from '../../../connectors/file-source/fair-queue.ts';
import { fingerprintBytes, markerBytes } from '../../../connectors/file-source/fingerprint.ts';
import { Generation, noSplit } from '../../../connectors/file-source/generation.ts';
import { planGlobs } from '../../../connectors/file-source/glob-plan.ts';
import { CopyFinder, judge } from '../../../connectors/file-source/identity.ts';
import { cutLines } from '../../../connectors/file-source/line-cutter.ts';
import { lineByLine } from '../../../workers/task-thread/line-by-line.ts';

const facts = { path: '/x.log', dev: '1', ino: '2', bornUs: 0, changedUs: 0, size: 0, compression: 'none' as const };

/** Consumes the bytes in pieces of the given sizes. */
function consumed(bytes: Buffer, sizes: readonly number[]): Generation {
  const generation = new Generation('id', '/x.log', { ...facts });
  let at = 0;
  for (let i = 0; at < bytes.length; i++) {
    const end = Math.min(bytes.length, at + (sizes[i % sizes.length] ?? 100));
    generation.advance(bytes, at, end);
    at = end;
  }
  return generation;
}

function verdict(generation: Generation, file: Buffer, bornUs = 0) {
  const { position, evidence } = generation;
  const before = position <= file.length ? file.subarray(Math.max(0, position - markerBytes), position) : undefined;
  const expected = { position, bornUs: generation.facts.bornUs, evidence };
  return judge(expected, { size: file.length, bornUs, head: file.subarray(0, fingerprintBytes), before });
}

const content = fc.uint8Array({ minLength: 1, maxLength: 3000 }).map((bytes) => Buffer.from(bytes));
const pieces = fc.array(fc.integer({ min: 1, max: 700 }), { minLength: 1, maxLength: 10 });

describe('identity', () => {
  test('content that was only appended to is the same, through any pieces and through the store', () => {
    fc.assert(
      fc.property(content, content, pieces, (old, added, sizes) => {
        const generation = consumed(old, sizes);
        const stored = { partition: generation.partition, offset: JSON.parse(JSON.stringify(generation.offset)) };
        const restored = Generation.restore(stored)!;
        for (const each of [generation, restored]) {
          expect(verdict(each, Buffer.concat([old, added]))).toBeUndefined();
          expect(verdict(each, old)).toBeUndefined();
          expect(each.evidence).toEqual(consumed(old, [3000]).evidence);
        }
        expect({ ...restored.offset, done: null }).toEqual({ ...generation.offset, done: null });
      }),
    );
  });

  test('a shorter file, another beginning, and other bytes before the position are a new generation', () => {
    fc.assert(
      fc.property(content, fc.nat(), fc.integer({ min: 1, max: 255 }), (old, place, flip) => {
        const generation = consumed(old, [100]);
        expect(verdict(generation, old.subarray(0, old.length - 1))).toBe('shorter than the position');
        const seen = [...Array(Math.min(old.length, fingerprintBytes)).keys()];
        for (let at = Math.max(0, old.length - markerBytes); at < old.length; at++) seen.push(at);
        const changed = Buffer.from(old);
        const at = seen[place % seen.length]!;
        changed[at] = changed[at]! ^ flip;
        expect(verdict(generation, changed)).toMatch(/other bytes/);
      }),
    );
  });

  test('the inode’s birth tells even where the content does not', () => {
    const generation = consumed(Buffer.from('# title\n'), [8]);
    generation.facts.bornUs = 5;
    expect(verdict(generation, Buffer.from('# title\n'), 5)).toBeUndefined();
    expect(verdict(generation, Buffer.from('# title\n'), 0)).toBeUndefined();
    expect(verdict(generation, Buffer.from('# title\n'), 6)).toBe('born anew on the same inode');
  });

  test('copies are found by their first bytes, the furthest position first, and only with enough of them', () => {
    const finder = new CopyFinder();
    const text = Buffer.from('0123456789'.repeat(300));
    const short = consumed(text.subarray(0, 40), [40]);
    const middle = consumed(text.subarray(0, 500), [40]);
    const long = consumed(text.subarray(0, 2000), [40]);
    for (const each of [short, middle, long]) finder.update(each);
    expect(finder.candidates(text.subarray(0, fingerprintBytes))).toEqual([long, middle]);
    expect(finder.candidates(text.subarray(0, 600))).toEqual([middle]);
    expect(finder.candidates(Buffer.from('x'.repeat(1024)))).toEqual([]);
    finder.remove(long);
    expect(finder.candidates(text.subarray(0, fingerprintBytes))).toEqual([middle]);
  });
});

describe('the line cutter', () => {
  const text = fc
    .array(fc.constantFrom('a', 'bb', 'cccccccccccc', '\r', '\n', '\n', '\r\n', 'é', '€', '𝄞', '\0'), { maxLength: 60 })
    .map((parts) => Buffer.from(parts.join('')));

  /** Cuts in windows as large as a reader would have to make them, and joins the parts of split lines. */
  function cutAll(
    bytes: Buffer,
    windowBytes: number,
    maxLineBytes: number,
    room: number,
  ): { lines: string[]; longest: number } {
    const lines: string[] = [];
    let longest = 0;
    let joins = false;
    const keep = (value: Buffer, more: string) => {
      longest = Math.max(longest, value.length);
      const part = value.toString('latin1');
      if (joins) lines.push(lines.pop()! + part);
      else lines.push(part);
      joins = more === 'true';
    };
    const append = (from: Buffer, start: number, end: number) => keep(from.subarray(start, end), 'false');
    const appender = {
      append,
      appendLines: lineByLine(append),
      appendKeyed: () => expect.unreachable(),
      appendRecord: ({ value, headers }: { value: Buffer | null; headers?: readonly { value: Buffer | null }[] }) =>
        keep(value!, String(headers![2]!.value)),
    };
    let position = 0;
    let split = noSplit;
    let wanted = windowBytes;
    while (position < bytes.length) {
      const window = bytes.subarray(position, position + wanted);
      const isLast = position + wanted >= bytes.length;
      const options = { start: 0, stop: window.length, position, split, maxLineBytes, timestampMs: 0 };
      const records = { maxRecords: room, takesPartial: isLast };
      const cut = cutLines({ bytes: window, ...options, ...records }, { roomBytes: 1, appender });
      position += cut.consumedBytes;
      split = cut.split;
      if (cut.consumedBytes > 0) wanted = windowBytes;
      else if (wanted > maxLineBytes + 2) throw new Error('no progress');
      else wanted = maxLineBytes + 2;
    }
    return { lines, longest };
  }

  test('gives the same lines whatever the windows, the limit and the room', () => {
    fc.assert(
      fc.property(
        text,
        fc.integer({ min: 1, max: 50 }),
        fc.integer({ min: 4, max: 12 }),
        fc.integer({ min: 1, max: 9 }),
        (bytes, window, limit, room) => {
          const expected = bytes.toString('latin1').split('\n');
          const last = expected.pop()!;
          const lines = expected.map((line) => (line.endsWith('\r') ? line.slice(0, -1) : line));
          if (last !== '') lines.push(last);
          const cut = cutAll(bytes, window, limit, room);
          expect(cut.lines).toEqual(lines);
          expect(cut.longest).toBeLessThanOrEqual(limit);
        },
      ),
      { numRuns: 1000 },
    );
  });
});

describe('the fair queue', () => {
  test('files that just woke go first, and a backlog still has its turn', () => {
    const queue = new FairQueue<string>(100);
    queue.again('backlog', 100);
    for (let i = 0; i < 40; i++) queue.wake(`fresh ${i}`);
    const order = Array.from({ length: 41 }, () => queue.next());
    expect(order.indexOf('backlog')).toBe(16);
    expect(queue.next()).toBeUndefined();
  });

  test('bytes are shared evenly, however much a turn takes', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 1000 }), { minLength: 2, maxLength: 8 }), (takes) => {
        const queue = new FairQueue<number>(100);
        const used = takes.map(() => 0);
        for (let i = 0; i < takes.length; i++) queue.again(i, 0);
        for (let i = 0; i < 4000; i++) {
          const file = queue.next()!;
          used[file] = used[file]! + takes[file]!;
          queue.again(file, takes[file]!);
        }
        const greedy = used.filter((_, i) => takes[i]! >= 100);
        if (greedy.length < 2) return;
        expect(Math.max(...greedy)).toBeLessThan(Math.min(...greedy) + 2 * 1000 + 0.1 * Math.max(...greedy));
      }),
    );
  });

  test('a file is in it once', () => {
    const queue = new FairQueue<string>(100);
    queue.wake('a');
    queue.wake('a');
    queue.again('a', 500);
    queue.wake('a');
    expect(queue.size).toBeLessThanOrEqual(2);
    queue.forget('a');
    expect([queue.size, queue.next()]).toEqual([0, undefined]);
  });
});

describe('globs', () => {
  test('folders are entered only where a match can lie', () => {
    const [root] = planGlobs(['/srv/*/logs/**/x-*.log'], []).roots;
    expect(root!.folder).toBe('/srv');
    expect(root!.entersFolder(['app'])).toBe(true);
    expect(root!.entersFolder(['app', 'data'])).toBe(false);
    expect(root!.entersFolder(['app', 'logs', 'deep', 'deeper'])).toBe(true);
    expect(root!.entersFolder(['app', 'logs', '.git'])).toBe(false);
    expect(root!.matchesFile('/srv/app/logs/a/x-1.log')).toBe(true);
    expect(root!.matchesFile('/srv/app/x-1.log')).toBe(false);
  });

  test('a path with glob characters counts as it is written, and an escaped one is no glob', () => {
    expect(planGlobs(['/srv/[a]/x.log'], []).matches('/srv/[a]/x.log')).toBe(true);
    const escaped = planGlobs(['/srv/\\[a\\]/x.log'], []);
    expect(escaped.matches('/srv/[a]/x.log')).toBe(true);
    expect(escaped.matches('/srv/a/x.log')).toBe(false);
  });

  test('exclusions go by name, or by path where they have a slash', () => {
    const plan = planGlobs(['/srv/**'], ['*.gz', '/srv/tmp/**', '**/.cache/**']);
    expect(plan.matches('/srv/a.log')).toBe(true);
    for (const file of ['/srv/a.gz', '/srv/tmp/a.log', '/srv/x/.cache/a']) expect(plan.matches(file)).toBe(false);
  });

  test('a pattern that cannot be a path is refused', () => {
    expect(() => planGlobs(['/srv/\0'], [])).toThrow(expect.objectContaining({ code: 'file-source/bad-pattern' }));
  });
});
