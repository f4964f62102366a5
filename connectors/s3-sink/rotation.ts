/** When an open file closes: the limits of one file as a pure decision, and why it was closed. */

import type { TimeZone } from './partitioners/time-zone.ts';

/** Stands in object metadata, metrics and logs. */
export type RotationReason =
  | 'records'
  | 'bytes'
  | 'age'
  | 'schedule'
  | 'event_time'
  | 'partition_change'
  | 'memory'
  | 'open_files'
  | 'replay_window'
  | 'drain'
  | 'revoked';

export interface RotationLimits {
  readonly records: number;
  /** Bytes as stored. */
  readonly storedBytes: number;
  readonly ageMs: number;
  /** Span of record time; Infinity for none. */
  readonly eventSpanMs: number;
  /** How long after its folder's span a file waits for stragglers. */
  readonly graceMs: number;
}

/** What a decision needs to know of a file. */
export interface FileFacts {
  /** Monotonic milliseconds. */
  readonly openedMs: number;
  /** Time of the first record; NaN when record time does not count. */
  readonly firstTimeMs: number;
  /** When the folder's span ends; Infinity for a file that was late when it opened. */
  readonly closesMs: number;
}

/** Whether a record of this time belongs to the next file already. */
export function isBeyondSpan(file: FileFacts, timeMs: number, limits: RotationLimits): boolean {
  return timeMs - file.firstTimeMs >= limits.eventSpanMs;
}

/** Whether the records have moved so far past the folder's span that few more will come. */
export function isPartitionOver(file: FileFacts, watermarkMs: number, limits: RotationLimits): boolean {
  return watermarkMs >= file.closesMs + limits.graceMs;
}

/** `closesMs` for a file opened now: a late one waits for its age instead, or each straggler would get its own object. */
export function closesMs(endMs: number, watermarkMs: number, limits: RotationLimits): number {
  return watermarkMs >= endMs + limits.graceMs ? Number.POSITIVE_INFINITY : endMs;
}

export function isTooOld(file: FileFacts, nowMs: number, limits: RotationLimits): boolean {
  return nowMs - file.openedMs >= limits.ageMs;
}

const dayMs = 86_400_000;

/** The next multiple of `intervalMs` of local time after `nowMs` (wall time), counted from midnight for spans within a day. */
export function nextBoundaryMs(nowMs: number, intervalMs: number, zone: TimeZone): number {
  const localMs = nowMs + zone.offsetMs(nowMs);
  const startMs = intervalMs <= dayMs ? Math.floor(localMs / dayMs) * dayMs : 0;
  const boundaryMs = startMs + (Math.floor((localMs - startMs) / intervalMs) + 1) * intervalMs;
  const capped = intervalMs <= dayMs ? Math.min(boundaryMs, startMs + dayMs) : boundaryMs;
  return Math.max(zone.toUtcMs(capped), nowMs + 1);
}
