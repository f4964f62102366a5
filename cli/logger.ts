/** Where log lines go: JSON on standard error for machines, short lines for a person at a terminal. */

import pino from 'pino';
import type { Logger } from '../core/base/logger.ts';

export interface LoggerOptions {
  readonly level: string;
  /** A person reads: time, level, message and fields on one line, no JSON. */
  readonly isTerminal: boolean;
  /** Called before and after a line is written, so that a progress line can make way. */
  readonly around?: (write: () => void) => void;
}

export function createLogger({ level, isTerminal, around = (write) => write() }: LoggerOptions): Logger {
  const stream = {
    write(line: string) {
      around(() => process.stderr.write(isTerminal ? readable(line) : line));
    },
  };
  return pino(
    {
      level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    stream,
  );
}

function readable(line: string): string {
  const { level, time, msg, ...fields } = JSON.parse(line) as Record<string, unknown>;
  const clock = String(time).slice(11, 19);
  const details = Object.entries(fields).map(
    ([key, value]) => `${key}=${typeof value === 'string' ? value : JSON.stringify(value)}`,
  );
  return `${clock} ${String(level).padEnd(5)} ${msg}${details.length > 0 ? `  ${details.join(' ')}` : ''}\n`;
}
