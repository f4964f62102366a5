/** The messages that begin and end transactions: whole ones, pieces of open ones, and those of two-phase commit. Pure. */

import type { CommitInfo, PrepareInfo, StreamEvents } from './events.ts';
import type { MessageReader } from './message-reader.ts';

const tags = {
  begin: 0x42, // B
  commit: 0x43, // C
  streamStart: 0x53, // S
  streamStop: 0x45, // E
  streamCommit: 0x63, // c
  streamAbort: 0x41, // A
  beginPrepare: 0x62, // b
  prepare: 0x50, // P
  commitPrepared: 0x4b, // K
  rollbackPrepared: 0x72, // r
  streamPrepare: 0x70, // p
} as const;

/** Tells what the message behind `tag` says; false where it is none of these. */
export function tellTransaction(tag: number, reader: MessageReader, events: StreamEvents): boolean {
  switch (tag) {
    case tags.begin:
      events.begin(reader.lsn(), reader.timeUs(), reader.uint32());
      return true;
    case tags.commit:
      reader.skip(flagBytes);
      events.commit(commitInfo(reader));
      return true;
    case tags.streamStart:
      events.streamStart(reader.uint32(), reader.byte() === 1);
      return true;
    case tags.streamStop:
      events.streamStop();
      return true;
    case tags.streamCommit: {
      const transactionId = reader.uint32();
      reader.skip(flagBytes);
      events.streamCommit(transactionId, commitInfo(reader));
      return true;
    }
    case tags.streamAbort: {
      const [transactionId, subtransactionId] = [reader.uint32(), reader.uint32()];
      // Version 4 sends them, and only where streaming is parallel.
      const info = reader.left === 0 ? null : { abortLsn: reader.lsn(), timeUs: reader.timeUs() };
      events.streamAbort(transactionId, subtransactionId, info);
      return true;
    }
    case tags.beginPrepare:
      events.beginPrepare(prepareInfo(reader));
      return true;
    case tags.prepare:
      reader.skip(flagBytes);
      events.prepare(prepareInfo(reader));
      return true;
    case tags.streamPrepare:
      reader.skip(flagBytes);
      events.streamPrepare(prepareInfo(reader));
      return true;
    case tags.commitPrepared: {
      reader.skip(flagBytes);
      const info = commitInfo(reader);
      events.commitPrepared({ ...info, transactionId: reader.uint32(), gid: reader.text() });
      return true;
    }
    case tags.rollbackPrepared: {
      reader.skip(flagBytes);
      const [prepareEndLsn, endLsn] = [reader.lsn(), reader.lsn()];
      const [prepareTimeUs, timeUs] = [reader.timeUs(), reader.timeUs()];
      const [transactionId, gid] = [reader.uint32(), reader.text()];
      events.rollbackPrepared({ prepareEndLsn, endLsn, prepareTimeUs, timeUs, transactionId, gid });
      return true;
    }
    default:
      return false;
  }
}

/** Unused by all versions so far. */
const flagBytes = 1;

function commitInfo(reader: MessageReader): CommitInfo {
  return { commitLsn: reader.lsn(), endLsn: reader.lsn(), timeUs: reader.timeUs() };
}

function prepareInfo(reader: MessageReader): PrepareInfo {
  const [prepareLsn, endLsn, timeUs] = [reader.lsn(), reader.lsn(), reader.timeUs()];
  return { prepareLsn, endLsn, timeUs, transactionId: reader.uint32(), gid: reader.text() };
}
