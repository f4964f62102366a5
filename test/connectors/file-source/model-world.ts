/** A log folder that is written, rotated, copied, compressed and cut as in real life, and what a reader owes of it. */

import {
  appendFileSync,
  copyFileSync,
  existsSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';

const live = 'app.log';

/** Longer than the bytes a copy must share to be recognised. */
const filler = 'x'.repeat(60);

export class LogWorld {
  readonly #folder: string;
  #life = 0;
  #next = 0;
  #partial = '';
  /** Lines that were written completely, and whether their only copy was destroyed. */
  readonly written = new Map<string, 'kept' | 'destroyed'>();

  constructor(folder: string) {
    this.#folder = folder;
  }

  append(count: number): void {
    let text = '';
    for (let i = 0; i < count; i++) text += `${this.#completeLine()}\n`;
    appendFileSync(this.#path(live), text);
  }

  /** Half a line; the next append completes it. */
  appendPartial(): void {
    if (this.#partial !== '') return;
    this.#partial = `life ${this.#life} line ${String(this.#next).padStart(6, '0')} `;
    appendFileSync(this.#path(live), this.#partial);
  }

  rename(): void {
    this.#finishLine();
    this.#shift();
    if (existsSync(this.#path(live))) renameSync(this.#path(live), this.#path(`${live}.1`));
    this.#newLife();
  }

  copyTruncate(): void {
    if (!existsSync(this.#path(live))) return;
    this.#finishLine();
    this.#shift();
    copyFileSync(this.#path(live), this.#path(`${live}.1`));
    truncateSync(this.#path(live));
    this.#newLife();
  }

  truncate(): void {
    if (!existsSync(this.#path(live))) return;
    this.#destroy(live);
    truncateSync(this.#path(live));
    this.#newLife();
  }

  remove(): void {
    this.#destroy(live);
    rmSync(this.#path(live), { force: true });
    this.#newLife();
  }

  recreate(count: number): void {
    this.remove();
    this.append(count);
  }

  /** Truncates and writes at once, so that the file may be longer than before when it is looked at. */
  rewrite(count: number): void {
    this.truncate();
    this.append(count);
  }

  compress(): void {
    const name = this.#rotated().find((each) => !each.endsWith('.gz'));
    if (name === undefined) return;
    writeFileSync(this.#path(`${name}.gz`), gzipSync(readFileSync(this.#path(name))));
    rmSync(this.#path(name));
  }

  removeOldest(): void {
    const name = this.#rotated().at(-1);
    if (name === undefined) return;
    this.#destroy(name);
    rmSync(this.#path(name));
  }

  finish(): void {
    this.#finishLine();
  }

  #completeLine(): string {
    const start = this.#partial || `life ${this.#life} line ${String(this.#next).padStart(6, '0')} `;
    const line = `life ${this.#life} line ${String(this.#next).padStart(6, '0')} ${filler}`;
    this.#next++;
    const rest = this.#partial === '' ? line : line.slice(start.length);
    this.#partial = '';
    this.written.set(line, 'kept');
    return rest;
  }

  #finishLine(): void {
    if (this.#partial !== '') this.append(1);
  }

  #newLife(): void {
    this.#life++;
    this.#next = 0;
    this.#partial = '';
  }

  #destroy(name: string): void {
    if (!existsSync(this.#path(name))) return;
    const bytes = readFileSync(this.#path(name));
    const text = (name.endsWith('.gz') ? gunzipSync(bytes) : bytes).toString();
    for (const line of text.split('\n')) if (this.written.has(line)) this.written.set(line, 'destroyed');
  }

  #shift(): void {
    for (const name of this.#rotated().toReversed()) {
      const [, number, gz] = /\.(\d+)(\.gz)?$/.exec(name)!;
      renameSync(this.#path(name), this.#path(`${live}.${Number(number) + 1}${gz ?? ''}`));
    }
  }

  /** Newest first. */
  #rotated(): string[] {
    const names = readdirSync(this.#folder).filter((name) => /^app\.log\.\d+(\.gz)?$/.test(name));
    return names.sort((one, other) => Number(/\d+/.exec(one)) - Number(/\d+/.exec(other)));
  }

  #path(name: string): string {
    return path.join(this.#folder, name);
  }
}
