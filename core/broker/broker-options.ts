/** What a broker is told at its start. */

import type { Clock } from '../base/clock.ts';
import type { Disk } from '../base/disk.ts';
import type { MillraceError } from '../base/errors.ts';
import type { Logger } from '../base/logger.ts';
import type { CoordinatorSettings } from '../coordinator/coordinator-settings.ts';
import type { TxnSettings } from '../coordinator/txn-coordinator.ts';
import type { LogsOptions } from '../log/logs-options.ts';
import type { Durability } from '../log/partition-log.ts';
import type { BrokerLimits, BrokerSettings } from './settings.ts';
import type { ListenAddress } from './tcp-transport.ts';

export interface BrokerOptions {
  readonly listen: ListenAddress;
  /** Where clients are told to connect, when that is not where the broker listens (port forwarding, containers). */
  readonly advertised?: ListenAddress | undefined;
  readonly dataDir: string;
  readonly durability: Durability;
  readonly disk: Disk;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly limits?: Partial<BrokerLimits> | undefined;
  readonly settings?: Partial<BrokerSettings> | undefined;
  readonly coordinator?: Partial<CoordinatorSettings> | undefined;
  readonly transactions?: Partial<TxnSettings> | undefined;
  /** Memory and timing of the logs. */
  readonly logs?: Omit<LogsOptions, 'disk' | 'clock' | 'logger' | 'dataDir' | 'durability'> | undefined;
  /** Called once when the log can no longer keep its promises; the broker has stopped accepting and must be closed. */
  readonly onFailed?: ((error: MillraceError) => void) | undefined;
}
