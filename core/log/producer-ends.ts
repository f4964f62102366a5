/** Where the producers of a log wrote last: compaction leaves those batches, or a start could not know the producers by the log alone. */

import { batchLastOffset, batchProducerEpoch, batchProducerId, isControl } from '../protocol/batch-header.ts';
import type { ProducerEntry } from './producer-table.ts';

interface ProducerEnd {
  readonly epoch: number;
  /** Of its last batch with a sequence; -1 when it has none in its epoch: then its last marker tells the epoch. */
  readonly dataOffset: number;
  /** -1 when it is not known: then every marker of the epoch may be the last. */
  readonly markerOffset: number;
}

/** By producer id; plain data. */
export type ProducerEnds = ReadonlyMap<number, ProducerEnd>;

/** A marker at or behind `highWatermark` can still be taken back. */
export function endsOf(producers: Iterable<ProducerEntry>, highWatermark: number): ProducerEnds {
  const ends = new Map<number, ProducerEnd>();
  for (const { producerId, producerEpoch, batches, lastMarkerOffset = -1 } of producers) {
    const dataOffset = batches.at(-1)?.lastOffset ?? -1;
    const markerOffset = lastMarkerOffset < highWatermark ? lastMarkerOffset : -1;
    ends.set(producerId, { epoch: producerEpoch, dataOffset, markerOffset });
  }
  return ends;
}

export function isLastOfProducer(batch: Buffer, producers: ProducerEnds): boolean {
  const end = producers.get(batchProducerId(batch, 0));
  if (end === undefined) return false;
  const offset = batchLastOffset(batch, 0);
  if (!isControl(batch, 0)) return end.dataOffset === offset;
  if (end.dataOffset !== -1 || end.epoch !== batchProducerEpoch(batch, 0)) return false;
  return end.markerOffset === -1 || end.markerOffset === offset;
}
