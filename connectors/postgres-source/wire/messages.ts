/**
 * The messages of the frontend/backend protocol that replication needs beside what the driver does: reading their frames,
 * and writing a query and a status. Formats: PostgreSQL documentation, "Message Formats" and "Streaming Replication Protocol".
 */

export const backendTags = {
  copyBoth: 0x57, // W
  copyOut: 0x48, // H
  copyData: 0x64, // d
  copyDone: 0x63, // c
  commandComplete: 0x43, // C
  error: 0x45, // E
  notice: 0x4e, // N
  parameterStatus: 0x53, // S
  readyForQuery: 0x5a, // Z
} as const;

/** Inside CopyData of a replication stream. */
export const streamTags = { xLogData: 0x77, keepalive: 0x6b } as const;

/** A tag and a length. */
export const frameHeaderBytes = 5;

/** What stands before the payload of XLogData, its own tag included: start, end and clock. */
export const xLogDataHeaderBytes = 25;

/** The server counts microseconds from the year 2000. */
const postgresEpochUs = 946_684_800_000_000;

/** Microseconds since 1970 of a time in the protocol. Exact: the protocol's times lie far within 2^53. */
export function readTimeUs(bytes: Buffer, at: number): number {
  return bytes.readInt32BE(at) * 2 ** 32 + bytes.readUInt32BE(at + 4) + postgresEpochUs;
}

/** A simple query; `text` must not hold a zero byte. */
export function encodeQuery(text: string): Buffer {
  const textBytes = Buffer.byteLength(text);
  const message = Buffer.alloc(1 + 4 + textBytes + 1);
  message[0] = 0x51; // Q
  message.writeInt32BE(4 + textBytes + 1, 1);
  message.write(text, 5);
  return message;
}

export interface StandbyStatus {
  /** Everything before it was received. */
  readonly writtenLsn: bigint;
  /** Everything before it is durable here: the slot may forget it. */
  readonly flushedLsn: bigint;
  readonly nowUs: number;
  readonly wantsReply: boolean;
}

/** A standby status update in CopyData. */
export function encodeStatus({ writtenLsn, flushedLsn, nowUs, wantsReply }: StandbyStatus): Buffer {
  const message = Buffer.alloc(5 + 34);
  message[0] = backendTags.copyData;
  message.writeInt32BE(4 + 34, 1);
  message[5] = 0x72; // r
  message.writeBigUInt64BE(writtenLsn, 6);
  message.writeBigUInt64BE(flushedLsn, 14);
  message.writeBigUInt64BE(flushedLsn, 22);
  message.writeBigInt64BE(BigInt(nowUs - postgresEpochUs), 30);
  message[38] = wantsReply ? 1 : 0;
  return message;
}

/** What an ErrorResponse or NoticeResponse says, by field letter: C the SQLSTATE, M the message, D detail, H hint. */
export function decodeFields(bytes: Buffer, start: number, end: number): ReadonlyMap<string, string> {
  const fields = new Map<string, string>();
  let at = start;
  while (at < end && bytes[at] !== 0) {
    const letter = String.fromCharCode(bytes[at]!);
    const zero = bytes.indexOf(0, at + 1);
    const stop = zero < 0 || zero > end ? end : zero;
    fields.set(letter, bytes.toString('utf8', at + 1, stop));
    at = stop + 1;
  }
  return fields;
}
