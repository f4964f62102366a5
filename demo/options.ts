/** The demo's command line. */

import { Command, InvalidArgumentError, Option } from 'commander';
import { parseDuration } from '../config/fields/units.ts';

export interface DemoOptions {
  /** Transactions per second. */
  readonly rate: number;
  /** How long it runs by itself, in milliseconds; undefined until it is stopped. */
  readonly for: number | undefined;
  readonly keep: boolean;
}

const fastest = 1000;

/** Throws a CommanderError, after it has written what is wrong; also for `--help`, which it has written then. */
export function parseOptions(args: readonly string[]): DemoOptions {
  const command = new Command('npm run demo --')
    .description(
      'Shows the changes of a small shop in PostgreSQL as they arrive in topics. It needs nothing but npm ci.',
    )
    .addOption(
      new Option('--rate <number>', `transactions per second, 0 for none, at most ${fastest}`)
        .default(4)
        .argParser(rate),
    )
    .addOption(new Option('--for <duration>', 'end by itself after so long, such as 20s or 5m').argParser(duration))
    .option('--keep', 'leave the folder with the database, the topics and the objects', false)
    .allowExcessArguments(false)
    .showHelpAfterError('(npm run demo -- --help for what there is)')
    .exitOverride();
  return command.parse(args, { from: 'user' }).opts<DemoOptions>();
}

function rate(text: string): number {
  const value = /^\d+(\.\d+)?$/.test(text) ? Number(text) : Number.NaN;
  if (value >= 0 && value <= fastest) return value;
  throw new InvalidArgumentError(`Write a number from 0 to ${fastest}.`);
}

function duration(text: string): number {
  const ms = /^\d+$/.test(text) ? undefined : parseDuration(text);
  if (ms !== undefined && ms > 0) return ms;
  throw new InvalidArgumentError('Write a number with its unit, such as 20s or 5m.');
}
