/** From a source's spread to a partition: the same spread stays in one partition, and neighbours fall apart. Pure. */

/** The finaliser of murmur3: every bit of the spread moves every bit of the result. */
export function partitionOfSpread(spread: number, partitionCount: number): number {
  let hash = spread | 0;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  hash ^= hash >>> 16;
  return (hash >>> 0) % partitionCount;
}
