/** What the coordinator of groups may be told at start, by the names of Kafka's settings, with the defaults. */

import type { GroupSettings } from './group-rebalance.ts';

export interface CoordinatorSettings extends GroupSettings {
  /** How long the offsets of a group without members are kept (`offsets.retention.minutes`). */
  readonly offsetsRetentionMs: number;
  readonly expiryIntervalMs: number;
  /** The longest metadata string of a commit (`offset.metadata.max.bytes`). */
  readonly maxOffsetMetadataBytes: number;
}

export const defaultCoordinatorSettings: CoordinatorSettings = {
  // Members of one process start within a few milliseconds of each other: waiting this long saves them a second round.
  initialRebalanceDelayMs: 100,
  maxMembers: 10_000,
  minSessionTimeoutMs: 6_000,
  maxSessionTimeoutMs: 1_800_000,
  offsetsRetentionMs: 7 * 86_400_000,
  expiryIntervalMs: 600_000,
  maxOffsetMetadataBytes: 4096,
};
