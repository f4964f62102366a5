/** What consumers of a classic group tell each other through the coordinator: what they want, and what they get. */

import { array, bytes, type Decoded, type Encodable, type Fields, int32, string } from './field.ts';
import { defineMessage, type Message } from './message.ts';
import { Reader } from './reader.ts';
import { Writer } from './writer.ts';

const topicPartitions = { topic: string, partitions: array(int32) } as const;

export const consumerSubscription = defineMessage({
  name: 'ConsumerProtocolSubscription',
  versions: [0, 3],
  flexibleFrom: Number.POSITIVE_INFINITY,
  fields: {
    topics: array(string),
    userData: bytes.nullable().or(null),
    ownedPartitions: array(topicPartitions).from(1).ignorable(),
    generationId: int32.from(2).or(-1).ignorable(),
    rackId: string.nullable().from(3).or(null).ignorable(),
  },
});

export const consumerAssignment = defineMessage({
  name: 'ConsumerProtocolAssignment',
  versions: [0, 3],
  flexibleFrom: Number.POSITIVE_INFINITY,
  fields: {
    assignedPartitions: array(topicPartitions),
    userData: bytes.nullable().or(null),
  },
});

/** The version goes in front, two bytes, so that members of different age understand each other. */
export function encodeVersioned<F extends Fields>(message: Message<F>, value: Encodable<F>, version: number): Buffer {
  const writer = new Writer().int16(version);
  message.encode(writer, value, version);
  return writer.toBuffer();
}

/**
 * Reads what `encodeVersioned` or another client wrote. A version newer than ours is read as our newest: fields are
 * only ever added at the end.
 */
export function decodeVersioned<F extends Fields>(message: Message<F>, encoded: Buffer): Decoded<F> {
  const reader = new Reader(encoded);
  const version = reader.int16();
  if (version < message.versions[0]) throw reader.malformed(`${message.name} has no version ${version}`);
  return message.decode(reader, Math.min(version, message.versions[1]));
}
