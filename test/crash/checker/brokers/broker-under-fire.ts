/** A broker that bad things happen to. */

import type { FaultKind } from '../workload/plan.ts';

export interface BrokerUnderFire {
  /** Where clients connect; the same for the whole run. */
  readonly bootstrapServers: readonly string[];
  /** Each brings its trouble about, waits it out, and leaves a broker that serves; `measure` is in [0, 1). */
  readonly faults: Readonly<Partial<Record<FaultKind, (measure: number) => Promise<void>>>>;
  /** The smallest segments the broker takes: what happens at their borders is part of a run. */
  readonly segmentBytes: number;
  close(): Promise<void>;
}
