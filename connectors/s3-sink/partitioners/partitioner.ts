/** Which folder each record belongs to. A layout is all that decides it, so that a replay can decide as before. */

import type { SinkRecords } from '../../contract/record.ts';
import type { S3SinkConfig } from '../config.ts';
import { createExtractor, type ExtractorName, type TimeExtractor } from './extractors.ts';
import { FieldScanner } from './field-scanner.ts';
import { escapePart, noValue } from './path-escape.ts';
import { type Route, TimeBuckets } from './time-buckets.ts';

/** Stored in checkpoints: plain JSON values only. */
export interface Layout {
  readonly kind: 'default' | 'field' | 'time';
  readonly fields: readonly string[];
  readonly pattern: string;
  readonly durationMs: number;
  readonly timezone: string;
  readonly locale: string;
  readonly extractor: ExtractorName;
  readonly timeField: string;
}

export interface Partitioner {
  readonly extractor: TimeExtractor;
  /** `timeMs` is the extractor's answer for the record. undefined: the record lacks what decides its folder. */
  route(records: SinkRecords, timeMs: number): Route | undefined;
}

const dailyPattern = "'year'=YYYY/'month'=MM/'day'=dd";
const hourlyPattern = "'year'=YYYY/'month'=MM/'day'=dd/'hour'=HH";

export function layoutOf(config: S3SinkConfig): Layout {
  const name = config['partitioner.class'];
  const kind = name === 'default' || name === 'field' ? name : 'time';
  const pattern = name === 'daily' ? dailyPattern : name === 'hourly' ? hourlyPattern : config['path.format'];
  const durationMs = name === 'daily' ? 86_400_000 : name === 'hourly' ? 3_600_000 : config['partition.duration.ms'];
  return {
    kind,
    fields: kind === 'field' ? config['partition.field.name'] : [],
    pattern: kind === 'time' ? pattern : '',
    durationMs: kind === 'time' ? durationMs : 0,
    timezone: config.timezone,
    locale: config.locale,
    extractor: config['timestamp.extractor'],
    timeField: config['timestamp.field'],
  };
}

/** Whether a record read again gets the folder it had before; by the wall clock it may not. */
export function isReplayStable(layout: Layout): boolean {
  return layout.kind !== 'time' || layout.extractor !== 'wallclock';
}

export function createPartitioner(layout: Layout, partition: number): Partitioner {
  const extractor = createExtractor(layout.extractor, layout.timeField);
  if (layout.kind === 'default') {
    const route: Route = { path: `partition=${partition}`, endMs: Number.POSITIVE_INFINITY };
    return { extractor, route: () => route };
  }
  if (layout.kind === 'field') return { extractor, route: fieldRouter(layout.fields) };
  const buckets = new TimeBuckets(layout);
  return { extractor, route: (_records, timeMs) => (Number.isNaN(timeMs) ? undefined : buckets.route(timeMs)) };
}

function fieldRouter(names: readonly string[]): (records: SinkRecords) => Route | undefined {
  const scanners = names.map((name) => new FieldScanner(name));
  const folders = names.map((name) => escapePart(name));
  let last: Route = { path: '', endMs: Number.POSITIVE_INFINITY };
  return (records) => {
    if (records.valueStart < 0) return undefined;
    let path = '';
    for (let i = 0; i < scanners.length; i++) {
      const field = scanners[i]!.find(records.bytes, records.valueStart, records.valueEnd);
      if (field === undefined || field.kind === 'nested') return undefined;
      const value = field.kind === 'null' ? noValue : escapePart(field.text);
      path += i === 0 ? `${folders[i]}=${value}` : `/${folders[i]}=${value}`;
    }
    if (path !== last.path) last = { path, endMs: Number.POSITIVE_INFINITY };
    return last;
  };
}
