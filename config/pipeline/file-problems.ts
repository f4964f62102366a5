/** Collects the problems of one file and gives each its place and the line it stands on, without secrets. */

import { blotLine, blotValues } from '../blot.ts';
import { blot } from '../fields/secret.ts';
import { type Problem, problem } from '../problem.ts';
import type { Place } from './tree.ts';

/** More than anybody reads at once; the rest is counted. */
const mostProblems = 200;

export class FileProblems {
  readonly file: string;
  readonly #lines: readonly string[];
  readonly #problems: Problem[] = [];
  readonly #secrets = new Set<string>();
  readonly #secretLines = new Map<number, number>();

  constructor(file: string, text: string) {
    this.file = file;
    this.#lines = text.split(/\r?\n/);
  }

  get errorCount(): number {
    return this.#problems.reduce((count, each) => (each.severity === 'error' ? count + 1 : count), 0);
  }

  add(found: Problem, at: Place = { line: 1, column: 1 }): void {
    this.#problems.push({ ...found, file: this.file, line: at.line, column: at.column });
  }

  /** A value that must not appear in any message. */
  hideValue(text: string): void {
    this.#secrets.add(text);
  }

  /** From this column on nothing of the line may be shown. */
  hideLine(line: number, column: number): void {
    this.#secretLines.set(line, Math.min(column, this.#secretLines.get(line) ?? column));
  }

  /** In the order of the file. */
  list(): Problem[] {
    const sorted = withoutEchoes(this.#problems)
      .sort((a, b) => a.line! - b.line! || a.column! - b.column!)
      .map((each) => this.#finish(each));
    if (sorted.length <= mostProblems) return sorted;
    const message = `there are ${sorted.length - mostProblems} more problems in this file`;
    const more = problem('invalid', { message, fix: 'Correct the ones above first.' });
    return [...sorted.slice(0, mostProblems), { ...more, file: this.file, line: sorted.at(-1)!.line!, column: 1 }];
  }

  #finish(found: Problem): Problem {
    const line = this.#lines[found.line! - 1] ?? '';
    const cut = this.#secretLines.get(found.line!);
    const shown = cut === undefined ? line : line.slice(0, cut - 1) + blot;
    return {
      ...found,
      message: blotValues(found.message, this.#secrets),
      fix: blotValues(found.fix, this.#secrets),
      excerpt: blotValues(blotLine(shown), this.#secrets),
    };
  }
}

/** Each once, and of those at one place nothing after a mistake of syntax: the rest follows from what the parser made of it. */
function withoutEchoes(problems: readonly Problem[]): Problem[] {
  const seen = new Set<string>();
  return problems.filter(({ code, line, column, message }) => {
    const place = `${line}:${column}`;
    const key = JSON.stringify([place, code, message]);
    if (seen.has(place) || seen.has(key)) return false;
    seen.add(code === 'config/syntax' ? place : key);
    return true;
  });
}
