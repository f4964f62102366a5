/** The time of a record, by the clock, by its Kafka timestamp, or by a field of its value. */

import type { SinkRecords } from '../../contract/record.ts';
import { FieldScanner } from './field-scanner.ts';

export interface TimeExtractor {
  /** Called before each run of records with the wall time in milliseconds. */
  startRun(nowMs: number): void;
  /** Milliseconds since 1970; negative when there is none; NaN when the record should have one and has not. */
  timeMs(records: SinkRecords): number;
}

export type ExtractorName = 'wallclock' | 'record' | 'recordfield';

export function createExtractor(name: ExtractorName, fieldName: string): TimeExtractor {
  if (name === 'record') return { startRun() {}, timeMs: (records) => records.timestampMs };
  if (name === 'recordfield') return fieldExtractor(fieldName);
  let now = 0;
  return {
    startRun: (nowMs) => {
      now = nowMs;
    },
    timeMs: () => now,
  };
}

function fieldExtractor(fieldName: string): TimeExtractor {
  const scanner = new FieldScanner(fieldName);
  let lastText = '';
  let lastMs = Number.NaN;
  return {
    startRun() {},
    timeMs(records) {
      if (records.valueStart < 0) return Number.NaN;
      const field = scanner.find(records.bytes, records.valueStart, records.valueEnd);
      if (field?.kind === 'number') return Math.floor(Number(field.text));
      if (field?.kind !== 'text') return Number.NaN;
      if (field.text !== lastText) {
        lastText = field.text;
        lastMs = parseIso(field.text);
      }
      return lastMs;
    },
  };
}

/** Only ISO 8601: other text that Date.parse takes means different times on different machines. */
function parseIso(text: string): number {
  const match = /^(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d(?::\d\d(?:[.,]\d+)?)?))?(Z|[+-]\d\d:?\d\d)?$/i.exec(text);
  if (match === null) return Number.NaN;
  const [, date, time = '00:00', zone = 'Z'] = match;
  return Date.parse(`${date}T${time.replace(',', '.')}${zone.replace(/^([+-]\d\d)(\d\d)$/, '$1:$2')}`);
}
