/** What a start does, by the settings, what is stored and the slot that is there. Pure. */

import type { MillraceError } from '../../core/base/errors.ts';
import type { StreamPosition } from './position.ts';
import type { SlotState } from './slot/slot-state.ts';

type SnapshotMode = 'initial' | 'initial_only' | 'no_data' | 'when_needed' | 'always' | 'configuration_based';

export interface StartQuestion {
  readonly mode: SnapshotMode;
  /** For `configuration_based`. */
  readonly configured: { readonly snapshots: boolean; readonly streams: boolean; readonly repairs: boolean };
  /** Where the stream was left; undefined on the first start. */
  readonly stored: StreamPosition | undefined;
  /** A snapshot was begun and not finished. */
  readonly isSnapshotOpen: boolean;
  /** What stands against going on from there. */
  readonly complaint: MillraceError | undefined;
  readonly slot: SlotState | undefined;
}

export interface StartPlan {
  /** `new`: a snapshot from its beginning. `resume`: one that was begun. `none`: changes alone. */
  readonly snapshot: 'new' | 'resume' | 'none';
  /** Whether changes are read behind the snapshot. */
  readonly streams: boolean;
  /** `keep` the slot that is there, `create` one, or `replace` one that has lost its log. */
  readonly slot: 'keep' | 'create' | 'replace';
}

/** Throws the complaint where nothing in the settings says how to go on. */
export function planStart(question: StartQuestion): StartPlan {
  const { mode, configured, stored, complaint, slot } = question;
  const streams = mode === 'configuration_based' ? configured.streams : mode !== 'initial_only';
  const existing = slot === undefined ? 'create' : slot.walStatus === 'lost' ? 'replace' : 'keep';
  if (complaint !== undefined) {
    // What a snapshot that was not finished has read so far is read again; nothing was promised of it.
    const isOpenAgain = question.isSnapshotOpen && complaint.code === 'postgres/slot-lost';
    if (!isOpenAgain && !repairsGaps(mode, configured.repairs)) throw complaint;
    return { snapshot: 'new', streams, slot: existing };
  }
  // What was read before a slot was made would miss the changes between.
  if (question.isSnapshotOpen) return { snapshot: existing === 'keep' ? 'resume' : 'new', streams, slot: existing };
  const isFirst = stored === undefined;
  const snapshots = mode === 'configuration_based' ? isFirst && configured.snapshots : wants(mode, isFirst);
  return { snapshot: snapshots ? 'new' : 'none', streams, slot: existing };
}

/** Whether tables are read anew where changes are missing. */
export function repairsGaps(mode: SnapshotMode, isConfigured: boolean): boolean {
  return mode === 'when_needed' || mode === 'always' || (mode === 'configuration_based' && isConfigured);
}

function wants(mode: Exclude<SnapshotMode, 'configuration_based'>, isFirst: boolean): boolean {
  if (mode === 'always') return true;
  return isFirst && mode !== 'no_data';
}
