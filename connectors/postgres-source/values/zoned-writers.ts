/** timestamptz and timetz: text in UTC, or structures. */

import { writeIsoClock, writeIsoMoment } from './iso-text.ts';
import type { WriteValue } from './json-text.ts';
import { structuredZonedTime, structuredZonedTimestamp } from './structured-time.ts';
import { read, readClockMicros, readDays, readZonedTime, readZonedTimestamp } from './temporal-text.ts';
import type { TimeMode } from './temporal-writers.ts';

const secondsPerDay = 86_400;

/** With as many digits behind the second as the column declares, all of them written. */
export function zonedTimestampWriter(mode: TimeMode, precision: number): WriteValue {
  if (mode === 'structured') return structuredZonedTimestamp(precision);
  return (out, bytes, start, end) => {
    readZonedTimestamp(bytes, start, end);
    out.byte(0x22);
    if (read.special === 'none') writeIsoMoment(out, zonedSeconds(), read.micros, precision);
    else out.ascii(read.special);
    out.byte(0x22);
  };
}

/** Since 1970, of the timestamp read last. */
function zonedSeconds(): number {
  const local = readDays() * secondsPerDay + read.hour * 3600 + read.minute * 60 + read.second;
  return local - read.offsetSeconds;
}

/** Shifted to UTC within the day; only the end of the day in UTC itself stays 24:00. */
export function zonedTimeWriter(mode: TimeMode, precision: number): WriteValue {
  if (mode === 'structured') return structuredZonedTime(precision);
  return (out, bytes, start, end) => {
    readZonedTime(bytes, start, end);
    const isEndOfDay = read.hour === 24 && read.offsetSeconds === 0;
    const local = Math.floor(readClockMicros() / 1e6) - read.offsetSeconds;
    const seconds = isEndOfDay ? secondsPerDay : ((local % secondsPerDay) + secondsPerDay) % secondsPerDay;
    out.byte(0x22);
    writeIsoClock(out, Math.floor(seconds / 3600), Math.floor((seconds % 3600) / 60), seconds % 60, read.micros);
    out.ascii('Z"');
  };
}
