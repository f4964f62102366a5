/** `millrace broker`: the embedded broker alone, until it is told to stop. */

import { systemClock } from '../core/base/clock.ts';
import { nodeDisk } from '../core/base/node-disk.ts';
import { startBroker } from '../core/index.ts';
import { type Address, formatAddress } from './address.ts';
import { type ExitCode, exitCodes } from './exit-codes.ts';
import { createLogger } from './logger.ts';
import { onStopSignal } from './signals.ts';

export interface BrokerOptions {
  readonly listen: Address;
  readonly dataDir: string;
  readonly durability: 'strict' | 'default' | 'os';
  readonly logLevel: string;
}

export async function broker({ listen, dataDir, durability, logLevel }: BrokerOptions): Promise<ExitCode> {
  const logger = createLogger({ level: logLevel, isTerminal: process.stderr.isTTY === true });
  let fail: (error: unknown) => void = () => {};
  const failed = new Promise<never>((_resolve, reject) => {
    fail = reject;
  });
  const running = await startBroker({
    listen,
    dataDir,
    durability,
    disk: nodeDisk,
    clock: systemClock,
    logger,
    onFailed: fail,
  });
  process.stdout.write(`broker    ${formatAddress(running)}   data in ${dataDir}\n`);
  const stop = onStopSignal((signal) => logger.info({ signal }, 'stopping; once more ends at once'));
  try {
    await Promise.race([stop.requested, failed]);
    return exitCodes.ok;
  } finally {
    await running.close();
    stop.dispose();
  }
}
