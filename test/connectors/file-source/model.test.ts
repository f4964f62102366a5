/** Scenario 45: whatever happens to the files and to the task, in whatever order, no line is lost and order is kept. */

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type SourceDriver, SourceStore } from '../../kits/source-kit.ts';
import { LogWorld } from './model-world.ts';
import { fastClock, Workbench } from './workbench.ts';

/** Raise for a long run: FILE_SOURCE_RUNS=10000. */
const runs = Number(process.env['FILE_SOURCE_RUNS'] ?? 25);
const clock = fastClock(20);

type Command =
  | { readonly kind: 'append' | 'recreate' | 'rewrite'; readonly count: number }
  | { readonly kind: 'partial' | 'rename' | 'copyTruncate' | 'truncate' | 'remove' | 'compress' | 'removeOldest' }
  | { readonly kind: 'poll'; readonly count: number }
  | { readonly kind: 'restart' }
  | { readonly kind: 'kill'; readonly back: number };

const count = fc.integer({ min: 1, max: 30 });
const command: fc.Arbitrary<Command> = fc.oneof(
  { weight: 5, arbitrary: fc.record({ kind: fc.constant('append' as const), count }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('poll' as const), count: fc.integer({ min: 1, max: 4 }) }) },
  { weight: 2, arbitrary: fc.constant({ kind: 'rename' as const }) },
  { weight: 2, arbitrary: fc.constant({ kind: 'copyTruncate' as const }) },
  { weight: 1, arbitrary: fc.constantFrom({ kind: 'partial' as const }, { kind: 'compress' as const }) },
  { weight: 1, arbitrary: fc.constantFrom({ kind: 'truncate' as const }, { kind: 'remove' as const }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constantFrom('recreate' as const, 'rewrite' as const), count }) },
  { weight: 1, arbitrary: fc.constantFrom({ kind: 'removeOldest' as const }, { kind: 'restart' as const }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('kill' as const), back: fc.integer({ min: 0, max: 4 }) }) },
);

test(`45: nothing missing, order kept, doubles only after a kill (${runs} random histories)`, async () => {
  const property = fc.asyncProperty(
    fc.array(command, { minLength: 3, maxLength: 30 }),
    fc.integer({ min: 500, max: 20_000 }),
    play,
  );
  await fc.assert(property, { numRuns: runs, endOnFailure: process.env['FILE_SOURCE_SHRINK'] === undefined });
}, 3_600_000);

async function play(commands: readonly Command[], roomBytes: number): Promise<void> {
  const bench = new Workbench();
  const run = new Run(bench, roomBytes);
  try {
    await run.start();
    for (const each of commands) await run.do(each);
    run.world.finish();
    await run.quiet();
    run.check();
  } finally {
    await bench.dispose();
  }
}

class Run {
  readonly world: LogWorld;
  readonly #bench: Workbench;
  readonly #roomBytes: number;
  readonly #store = new SourceStore();
  #driver: SourceDriver | undefined;
  /** How often a line may come again. */
  readonly #replays = new Map<string, number>();

  constructor(bench: Workbench, roomBytes: number) {
    this.#bench = bench;
    this.#roomBytes = roomBytes;
    this.world = new LogWorld(bench.folder);
  }

  async start(): Promise<void> {
    const settings = { watch: 'never', 'partial.line.timeout.ms': '1h', 'rotated.timeout.ms': '30s' };
    const more = { store: this.#store, roomBytes: this.#roomBytes, clock };
    this.#driver = await this.#bench.start(settings, more);
  }

  async do(each: Command): Promise<void> {
    const { world } = this;
    switch (each.kind) {
      case 'append':
      case 'recreate':
      case 'rewrite':
        return world[each.kind](each.count);
      case 'partial':
        return world.appendPartial();
      case 'poll':
        for (let i = 0; i < each.count; i++) await this.#driver!.poll();
        return;
      case 'restart':
        await this.#bench.stop(this.#driver!);
        return this.start();
      case 'kill':
        return this.#kill(each.back);
      default:
        return world[each.kind]();
    }
  }

  /** The task vanishes, and with it the positions of its last polls; their records may have become durable. */
  async #kill(back: number): Promise<void> {
    await this.#bench.stop(this.#driver!);
    const { history } = this.#store;
    const before = back === 0 ? undefined : history.at(-1 - back);
    if (back > 0) {
      for (const text of this.#store.texts.slice(before?.recordCount ?? 0))
        this.#replays.set(text, (this.#replays.get(text) ?? 0) + 1);
      this.#store.rewind(before?.positions ?? []);
    }
    await this.start();
  }

  async quiet(): Promise<void> {
    const { values } = this.#driver!.gauges;
    let scansBefore = values['scans_total'] ?? 0;
    // Five scans without a record and nothing held: by then whatever had to settle has settled.
    await this.#driver!.until(
      () => (values['scans_total'] ?? 0) >= scansBefore + 5 && values['files_held'] === 0,
      60_000,
      ({ records }) => {
        if (records.length > 0) scansBefore = values['scans_total'] ?? 0;
      },
    );
  }

  check(): void {
    const texts = this.#store.texts;
    const counts = new Map<string, number>();
    for (const text of texts) counts.set(text, (counts.get(text) ?? 0) + 1);
    const missing = [...this.world.written].filter(([line, state]) => state === 'kept' && !counts.has(line));
    expect(missing, 'missing').toEqual([]);
    const doubled = [...counts].filter(([text, times]) => times > 1 + (this.#replays.get(text) ?? 0));
    expect(doubled, 'doubled without a kill').toEqual([]);
    const strange = [...counts.keys()].filter((text) => !this.world.written.has(text) && text.includes('xxxxxxxxxx'));
    expect(strange, 'lines nobody wrote').toEqual([]);
    const seen = new Map<string, string>();
    for (const text of new Set(texts)) {
      const life = text.split(' line ')[0]!;
      expect(text > (seen.get(life) ?? ''), `order in ${life}: ${text} after ${seen.get(life)}`).toBe(true);
      seen.set(life, text);
    }
  }
}
