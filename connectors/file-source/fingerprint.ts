/** Short digests of file content: what a file begins with, what stands before a position, and everything up to it. */

import { hash } from 'node:crypto';
import { crc32 } from '@node-rs/crc32';

/** Leading bytes that tell one file from another; more would not help where logs begin with a timestamp. */
export const fingerprintBytes = 1024;

/** Bytes before the committed position that must still be the same. */
export const markerBytes = 64;

/** A copy is believed from so many equal bytes on; shorter files are read again, because two logs may share a title line. */
export const copyEvidenceBytes = 64;

/** CRC-32 of the first 64 bytes, to look generations up by; 0 when there are fewer. */
export function leadOf(head: Buffer): number {
  return head.length < copyEvidenceBytes ? 0 : crc32(head.subarray(0, copyEvidenceBytes));
}

/** 128 bits of SHA-256 in hex: small in a stored offset, and no two log files of one machine share it by chance. */
export function digest(bytes: Uint8Array): string {
  return hash('sha256', bytes, 'hex').slice(0, 32);
}

/** CRC-32 of everything so far, given that of what came before: it goes on across restarts and costs 26 GB/s. */
export function extendChecksum(checksum: number, bytes: Buffer): number {
  return crc32(bytes, checksum);
}
