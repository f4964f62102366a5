/** Kafka's default partitioner: murmur2 of the key bytes, so that every writer of a compacted topic agrees on a key's partition. */

const seed = 0x9747b28c;
const factor = 0x5bd1e995;

/** 32-bit murmur2 as Kafka's producer computes it (`Utils.murmur2`). */
function murmur2(key: Uint8Array): number {
  const length = key.length;
  let hash = seed ^ length;
  let position = 0;
  for (; position + 4 <= length; position += 4) {
    let word = key[position]! | (key[position + 1]! << 8) | (key[position + 2]! << 16) | (key[position + 3]! << 24);
    word = Math.imul(word, factor);
    word ^= word >>> 24;
    hash = Math.imul(hash, factor) ^ Math.imul(word, factor);
  }
  const rest = length - position;
  if (rest > 2) hash ^= key[position + 2]! << 16;
  if (rest > 1) hash ^= key[position + 1]! << 8;
  if (rest > 0) hash = Math.imul(hash ^ key[position]!, factor);
  hash = Math.imul(hash ^ (hash >>> 13), factor);
  return hash ^ (hash >>> 15);
}

/** The partition Kafka's producer sends a record with this key to. */
export function partitionOfKey(key: Uint8Array, partitionCount: number): number {
  return (murmur2(key) & 0x7fffffff) % partitionCount;
}
