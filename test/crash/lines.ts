/** Log lines that prove where they came from: stream, sequence number and checksum inside an ordinary access-log line. */

import { crc32 } from 'node:zlib';

export const lineBytes = 234;

const agent = 'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0 Safari/537.36';

/** A line without its newline, always `lineBytes - 1` long. */
export function makeLine(stream: number, sequence: number): string {
  const id = `${String(stream).padStart(5, '0')}-${String(sequence).padStart(10, '0')}`;
  const check = crc32(id).toString(16).padStart(8, '0');
  const head = `10.0.${stream % 256}.${sequence % 256} - - [20/Nov/2026:12:00:00 +0000] "GET /item/${id}/${check} HTTP/1.1" 200 ${sequence % 9973}`;
  return `${head} "-" "${agent}`.padEnd(lineBytes - 2, '.').concat('"');
}

export interface LineId {
  readonly stream: number;
  readonly sequence: number;
}

const idPattern = /GET \/item\/(\d{5})-(\d{10})\/([0-9a-f]{8}) /;

/** Who wrote the line, or undefined when it is not one of ours, was cut or was changed. */
export function readLine(line: string): LineId | undefined {
  const match = idPattern.exec(line);
  if (match === null) return undefined;
  const stream = Number(match[1]);
  const sequence = Number(match[2]);
  return makeLine(stream, sequence) === line ? { stream, sequence } : undefined;
}
