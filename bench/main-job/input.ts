/** Makes the input of the main-job measurements: access-log lines of 234 bytes or JSON lines of about 225, over several files. */

import { closeSync, mkdirSync, openSync, writeSync } from 'node:fs';
import { join } from 'node:path';

export type LineKind = 'access' | 'json';

export interface InputOptions {
  readonly folder: string;
  readonly kind: LineKind;
  readonly fileCount: number;
  readonly linesPerFile: number;
}

export interface Input {
  readonly lines: number;
  readonly bytes: number;
  readonly paths: readonly string[];
}

const linesPerWrite = 10_000;

export function makeInput({ folder, kind, fileCount, linesPerFile }: InputOptions): Input {
  mkdirSync(folder, { recursive: true });
  const paths: string[] = [];
  let bytes = 0;
  for (let file = 0; file < fileCount; file += 1) {
    const path = join(folder, `service-${file}.log`);
    const handle = openSync(path, 'w');
    for (let first = 0; first < linesPerFile; first += linesPerWrite) {
      let text = '';
      for (let i = first; i < Math.min(first + linesPerWrite, linesPerFile); i += 1) text += lineOf(kind, file, i);
      bytes += writeSync(handle, text);
    }
    closeSync(handle);
    paths.push(path);
  }
  return { lines: fileCount * linesPerFile, bytes, paths };
}

const agents = [
  'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/140.0',
  'curl/8.11.0',
  'Mozilla/5.0 (Macintosh) Safari/605.1.15',
];

/** Varied enough that a compressor finds what it would find in real logs, not one repeated line. */
function lineOf(kind: LineKind, file: number, index: number): string {
  const mixed = Math.imul(index + file * 7_919, 2_654_435_761) >>> 0;
  const path = `/shop/item/${mixed.toString(36)}/view?page=${index % 97}&session=${((mixed ^ 0x5bd1e995) >>> 0).toString(16)}`;
  const status = mixed % 50 === 0 ? 404 : 200;
  const agent = agents[mixed % agents.length] ?? '';
  if (kind === 'access') {
    const line = `10.${mixed & 255}.${(mixed >>> 8) & 255}.7 - - [20/Nov/2026:12:${String(index % 60).padStart(2, '0')}:00 +0000] "GET ${path} HTTP/1.1" ${status} ${mixed % 99_991} "-" "${agent}"`;
    return `${line.slice(0, 233).padEnd(233, '.')}\n`;
  }
  return `${JSON.stringify({ ts: 1_795_000_000_000 + index, level: status === 200 ? 'info' : 'warn', host: `web-${file}`, path, status, bytes: mixed % 99_991, ms: mixed % 1000, trace: (mixed ^ 0x2545f491).toString(36), user: `u${mixed % 10_007}`, agent })}\n`;
}
