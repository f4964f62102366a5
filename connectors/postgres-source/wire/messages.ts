/**
 * The messages of the frontend/backend protocol that replication and COPY need beside what the driver does: reading their frames,
 * and writing a query and a status. Formats: PostgreSQL documentation, "Message Formats" and "Streaming Replication Protocol".
 */

export const backendTags = {
  copyData: 0x64, // d
  copyDone: 0x63, // c
  error: 0x45, // E
  notice: 0x4e, // N
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

/** A failure that the server reports, in the shape the driver gives it. */
export interface ServerError extends Error {
  /** SQLSTATE */
  readonly code: string | undefined;
  readonly detail: string | undefined;
  readonly hint: string | undefined;
}

/** What an ErrorResponse says: fields of a letter and a text that ends with a zero byte. */
export function decodeServerError(bytes: Buffer, start: number, end: number): ServerError {
  const fields = new Map<string, string>();
  let at = start;
  while (at < end && bytes[at] !== 0) {
    const letter = String.fromCharCode(bytes[at]!);
    const zero = bytes.indexOf(0, at + 1);
    const stop = zero < 0 || zero > end ? end : zero;
    fields.set(letter, bytes.toString('utf8', at + 1, stop));
    at = stop + 1;
  }
  const rest = { code: fields.get('C'), detail: fields.get('D'), hint: fields.get('H') };
  return Object.assign(new Error(fields.get('M') ?? 'the server reports an error'), rest);
}
