/** Keys and values of `__consumer_offsets`, byte for byte Kafka's (offset commit key 0-1, value 0-3; group metadata key 2, value 0-3). */

import { Reader } from '../protocol/reader.ts';
import { Writer } from '../protocol/writer.ts';
import type { GroupSnapshot, MemberSnapshot } from './group-state.ts';

export interface OffsetKey {
  readonly kind: 'offset';
  readonly groupId: string;
  readonly topic: string;
  readonly partition: number;
}

export interface GroupKey {
  readonly kind: 'group';
  readonly groupId: string;
}

/** Keys of later Kafka versions (new group protocols) are kept in the log and otherwise left alone. */
export interface ForeignKey {
  readonly kind: 'foreign';
  readonly version: number;
}

export interface CommittedOffset {
  readonly offset: number;
  /** -1 when the client did not say. */
  readonly leaderEpoch: number;
  readonly metadata: string;
  readonly commitTimestampMs: number;
}

const offsetKeyVersion = 1;
const groupKeyVersion = 2;
const offsetValueVersion = 3;
const groupValueVersion = 3;

export function encodeOffsetKey(key: Omit<OffsetKey, 'kind'>): Buffer {
  const writer = new Writer();
  writer.int16(offsetKeyVersion).string(key.groupId).string(key.topic).int32(key.partition);
  return writer.toBuffer();
}

export function encodeGroupKey(groupId: string): Buffer {
  const writer = new Writer();
  writer.int16(groupKeyVersion).string(groupId);
  return writer.toBuffer();
}

export function decodeKey(bytes: Buffer): OffsetKey | GroupKey | ForeignKey {
  const reader = new Reader(bytes);
  const version = reader.int16();
  if (version <= offsetKeyVersion) {
    return { kind: 'offset', groupId: reader.string(), topic: reader.string(), partition: reader.int32() };
  }
  if (version === groupKeyVersion) return { kind: 'group', groupId: reader.string() };
  return { kind: 'foreign', version };
}

export function encodeOffsetValue(value: CommittedOffset): Buffer {
  const writer = new Writer();
  writer.int16(offsetValueVersion).int64(value.offset).int32(value.leaderEpoch);
  writer.string(value.metadata).int64(value.commitTimestampMs);
  return writer.toBuffer();
}

/** Version 1 carries an expiry time behind the commit time; it is obsolete and not read. */
export function decodeOffsetValue(bytes: Buffer): CommittedOffset {
  const reader = new Reader(bytes);
  const version = reader.int16();
  const offset = reader.int64();
  const leaderEpoch = version >= 3 ? reader.int32() : -1;
  return { offset, leaderEpoch, metadata: reader.string(), commitTimestampMs: reader.int64() };
}

export function encodeGroupValue(snapshot: GroupSnapshot): Buffer {
  const writer = new Writer();
  writer.int16(groupValueVersion).string(snapshot.protocolType).int32(snapshot.generation);
  writer.nullableString(snapshot.protocolName).nullableString(snapshot.leaderId).int64(snapshot.phaseSinceMs);
  writer.int32(snapshot.members.length);
  for (const member of snapshot.members) {
    writer.string(member.id).nullableString(member.instanceId).string(member.clientId).string(member.clientHost);
    writer.int32(member.rebalanceTimeoutMs).int32(member.sessionTimeoutMs);
    writer.bytes(member.subscription).bytes(member.assignment);
  }
  return writer.toBuffer();
}

export function decodeGroupValue(bytes: Buffer): GroupSnapshot {
  const reader = new Reader(bytes);
  const version = reader.int16();
  const protocolType = reader.string();
  const generation = reader.int32();
  const protocolName = reader.nullableString();
  const leaderId = reader.nullableString();
  const phaseSinceMs = version >= 2 ? reader.int64() : -1;
  const members: MemberSnapshot[] = [];
  for (let left = reader.int32(); left > 0; left--) members.push(decodeMember(reader, version));
  return { protocolType, generation, protocolName, leaderId, phaseSinceMs, members };
}

function decodeMember(reader: Reader, version: number): MemberSnapshot {
  const id = reader.string();
  const instanceId = version >= 3 ? reader.nullableString() : null;
  const clientId = reader.string();
  const clientHost = reader.string();
  const rebalanceTimeoutMs = version >= 1 ? reader.int32() : -1;
  const sessionTimeoutMs = reader.int32();
  return {
    id,
    instanceId,
    clientId,
    clientHost,
    rebalanceTimeoutMs: rebalanceTimeoutMs === -1 ? sessionTimeoutMs : rebalanceTimeoutMs,
    sessionTimeoutMs,
    subscription: Buffer.from(reader.bytes()),
    assignment: Buffer.from(reader.bytes()),
  };
}

/** Java's `String.hashCode`, so that the group's partition is where Kafka's tools look for it. */
export function javaHashCode(text: string): number {
  let hash = 0;
  for (let index = 0; index < text.length; index++) hash = (Math.imul(hash, 31) + text.charCodeAt(index)) | 0;
  return hash;
}

/** Kafka clears the sign bit instead of taking the absolute value, which has none for -2^31. */
export function offsetsPartitionOf(groupId: string, partitionCount: number): number {
  return (javaHashCode(groupId) & 0x7fffffff) % partitionCount;
}
