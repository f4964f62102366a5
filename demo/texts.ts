/** What the demo says before the first change and after the last one. */

import { formatCount, formatSeconds } from '../cli/units.ts';
import type { Paint } from './paint.ts';

/** Where `millrace topics` looks unless told. */
const usualBootstrap = '127.0.0.1:9092';

export interface Places {
  /** `postgres://…` */
  readonly database: string;
  /** `host:port` */
  readonly bootstrap: string;
  readonly rest: string;
  readonly objects: string;
  readonly pipeline: string;
  readonly folder: string;
}

/** What was shown. */
export interface Shown {
  readonly changes: number;
  readonly tables: ReadonlySet<string>;
  /** Of changes that were not of the snapshot, the latest at least. */
  readonly latenciesMs: readonly number[];
}

export function startingText(paint: Paint, folder: string): string {
  const what = paint('bold', 'Millrace demo');
  return `${what}   a shop in PostgreSQL, its changes in topics, the topics as JSON lines in a folder\n\nstarting in ${folder} …\n`;
}

export function placesText(paint: Paint, places: Places, { keep }: { readonly keep: boolean }): string {
  const row = (name: string, place: string, hint: string) => {
    return `  ${name.padEnd(10)}  ${paint('bold', place)}\n${' '.repeat(14)}${paint('dim', hint)}`;
  };
  const consume = 'npm run -s millrace -- topics consume shop.public.orders';
  const where = places.bootstrap === usualBootstrap ? '' : ` --bootstrap ${places.bootstrap}`;
  const end = keep ? `Ctrl-C ends it; ${places.folder} stays.` : 'Ctrl-C ends it and removes the folder.';
  return [
    '',
    row('PostgreSQL', places.database, 'psql or any other client: change rows, and watch them below'),
    row('topics', places.bootstrap, `${consume}${where}, or any Kafka client`),
    row('REST', places.rest, `curl -s '${places.rest}/connectors?expand=status'`),
    row('objects', places.objects, 'JSON lines, one folder for each topic, written every 5 seconds'),
    row('pipeline', places.pipeline, 'what runs here, a file to copy'),
    '',
    end,
    '',
    '',
  ].join('\n');
}

export function totalsText(
  { changes, tables, latenciesMs }: Shown,
  { durationMs, objects }: { readonly durationMs: number; readonly objects: number },
): string {
  const sorted = latenciesMs.toSorted((a, b) => a - b);
  const at = (share: number) => `${(sorted[Math.floor(share * (sorted.length - 1))] ?? 0).toFixed(1)} ms`;
  const shown = `${formatCount(changes)} changes of ${tables.size} tables in ${formatSeconds(durationMs)}`;
  const latency =
    sorted.length === 0 ? '' : `, half of them within ${at(0.5)} of their commit, 99 % within ${at(0.99)}`;
  return `${shown}${latency}; ${formatCount(objects)} objects written`;
}
