/** Positions in the write-ahead log: 64-bit numbers, written `16/B374D848`. */

/** Throws a RangeError for text that is no position. */
export function parseLsn(text: string): bigint {
  const parts = /^([0-9A-Fa-f]{1,8})\/([0-9A-Fa-f]{1,8})$/.exec(text);
  if (parts === null) throw new RangeError(`${JSON.stringify(text)} is no position in the write-ahead log`);
  return (BigInt(`0x${parts[1]}`) << 32n) | BigInt(`0x${parts[2]}`);
}

/** `16/B374D848` */
export function lsnText(lsn: bigint): string {
  const high = Number(lsn >> 32n);
  const low = Number(lsn & 0xffff_ffffn);
  return `${high.toString(16).toUpperCase()}/${low.toString(16).toUpperCase()}`;
}
