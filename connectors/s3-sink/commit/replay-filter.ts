/** After a restart: which of the records read again are in a completed object already. */

import type { SinkRecords } from '../../contract/record.ts';
import { createPartitioner, type Partitioner } from '../partitioners/partitioner.ts';
import type { WrittenRange, WrittenRanges } from './checkpoint.ts';

interface Group {
  readonly partitioner: Partitioner;
  readonly everywhere: readonly WrittenRange[];
  readonly byPath: ReadonlyMap<string, readonly WrittenRange[]>;
}

export class ReplayFilter {
  /** Records behind this offset are new for certain. */
  readonly horizon: number;
  readonly #groups: readonly Group[];

  constructor(written: readonly WrittenRanges[], partition: number) {
    this.#groups = written.map(({ layout, ranges }) => ({
      partitioner: createPartitioner(layout, partition),
      everywhere: ranges.filter((range) => range.path === null),
      byPath: groupByPath(ranges),
    }));
    this.horizon = written.flatMap(({ ranges }) => ranges).reduce((most, { last }) => Math.max(most, last), -1);
  }

  /** Whether the record the run stands on is in an object; asks each layout for the folder it had then. */
  covers(records: SinkRecords): boolean {
    const { offset } = records;
    if (offset > this.horizon) return false;
    return this.#groups.some(({ partitioner, everywhere, byPath }) => {
      if (everywhere.some((range) => holds(range, offset))) return true;
      if (byPath.size === 0) return false;
      const route = partitioner.route(records, partitioner.extractor.timeMs(records));
      return route !== undefined && (byPath.get(route.path)?.some((range) => holds(range, offset)) ?? false);
    });
  }
}

function holds(range: WrittenRange, offset: number): boolean {
  return range.first <= offset && offset <= range.last;
}

function groupByPath(ranges: readonly WrittenRange[]): ReadonlyMap<string, readonly WrittenRange[]> {
  const byPath = new Map<string, WrittenRange[]>();
  for (const range of ranges) {
    if (range.path === null) continue;
    const known = byPath.get(range.path);
    if (known === undefined) byPath.set(range.path, [range]);
    else known.push(range);
  }
  return byPath;
}
