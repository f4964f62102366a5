/** Runs subjects side by side: in turn, round after round, so that a change of the machine meets all of them; tells medians and spread. */

import { type Cost, describeMachine, formatSpread, formatTable, spreadOf } from './measure.ts';

export interface Measured extends Cost {
  /** What was carried, in the unit of the question: bytes or records, counted at the far end. */
  readonly amount: number;
  /** CPU-seconds by thread name, where the subject is one process. */
  readonly threads?: ReadonlyMap<string, number>;
}

export interface Subject {
  readonly name: string;
  run(): Promise<Measured>;
}

export interface RoundsOptions {
  readonly rounds: number;
  /** What `amount` counts, and by how much it is divided to be read: `MB` and 1e6. */
  readonly unit: string;
  readonly unitSize: number;
  readonly onRun?: (name: string, measured: Measured) => void;
}

/** The first round warms caches and the page cache and is not counted; one round alone is counted as it is. */
export async function runRounds(subjects: readonly Subject[], options: RoundsOptions): Promise<void> {
  const { rounds, unit, unitSize } = options;
  const results = new Map<string, Measured[]>(subjects.map(({ name }) => [name, []]));
  for (let round = rounds > 1 ? 0 : 1; round <= rounds; round += 1) {
    for (const { name, run } of subjects) {
      const measured = await run();
      if (round > 0) results.get(name)?.push(measured);
      const perCpu = measured.amount / measured.cpuSeconds / unitSize;
      console.error(
        `${round === 0 ? 'warm-up' : `round ${round}`}  ${name}: ${format(perCpu)} ${unit} per CPU-second, ` +
          `${measured.cpuSeconds.toFixed(2)} CPU-s, ${measured.wallSeconds.toFixed(2)} s, ${measured.peakRssMb.toFixed(0)} MB`,
      );
    }
  }
  console.log(`${describeMachine()}\n`);
  console.log(table(results, { unit, unitSize }));
  for (const [name, list] of results) {
    const threads = list.at(-1)?.threads;
    if (threads !== undefined) console.log(`\n${name}, last round by thread: ${formatThreads(threads)}`);
  }
}

function table(
  results: ReadonlyMap<string, readonly Measured[]>,
  { unit, unitSize }: { unit: string; unitSize: number },
): string {
  const rows = [...results].map(([name, list]) => [
    name,
    formatSpread(list.map(({ amount, cpuSeconds }) => amount / unitSize / cpuSeconds)),
    formatSpread(list.map(({ amount, wallSeconds }) => amount / unitSize / wallSeconds)),
    formatSpread(list.map(({ cpuSeconds }) => cpuSeconds)),
    formatSpread(list.map(({ wallSeconds }) => wallSeconds)),
    format(Math.max(...list.map(({ peakRssMb }) => peakRssMb))),
  ]);
  return formatTable(['', `${unit} per CPU-second`, `${unit}/s`, 'CPU-s', 'seconds', 'peak RSS, MB'], rows);
}

/** The largest shares first, what is under a hundredth left out. */
function formatThreads(threads: ReadonlyMap<string, number>): string {
  const total = [...threads.values()].reduce((sum, seconds) => sum + seconds, 0);
  return [...threads]
    .filter(([, seconds]) => seconds > total / 100)
    .sort(([, a], [, b]) => b - a)
    .map(([name, seconds]) => `${name} ${seconds.toFixed(2)}`)
    .join(', ');
}

function format(value: number): string {
  return spreadOf([value]).median.toLocaleString('en-US', { maximumFractionDigits: value >= 100 ? 0 : 2 });
}
