/** Positions in the write-ahead log as PostgreSQL prints them. */

/** `16/B374D848` */
export function lsnText(lsn: bigint): string {
  const high = Number(lsn >> 32n);
  const low = Number(lsn & 0xffff_ffffn);
  return `${high.toString(16).toUpperCase()}/${low.toString(16).toUpperCase()}`;
}
