/** `appendLines` for appenders that have nothing faster: plainly, a line at a time, as its contract says. */

import type { RecordAppender } from '../../connectors/contract/source.ts';

const newline = 0x0a;
const carriageReturn = 0x0d;

export function lineByLine(
  append: RecordAppender['append'],
  roomBytes = () => Number.POSITIVE_INFINITY,
): RecordAppender['appendLines'] {
  return (bytes, start, end, { timestampMs, maxLineBytes, maxRecords }) => {
    let at = start;
    let recordCount = 0;
    while (recordCount < maxRecords && roomBytes() > 0) {
      const found = bytes.subarray(0, end).indexOf(newline, at);
      if (found < 0) break;
      const lineEnd = found > at && bytes[found - 1] === carriageReturn ? found - 1 : found;
      if (lineEnd - at > maxLineBytes) break;
      append(bytes, at, lineEnd, timestampMs);
      at = found + 1;
      recordCount += 1;
    }
    return { consumedBytes: at - start, recordCount };
  };
}
