/** Durations and sizes as people write them (`1h30m`, `128MiB`), and back. */

/** Longest unit first; the order in which they must stand. */
const durationUnits = [
  ['w', 604_800_000],
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['m', 60_000],
  ['s', 1000],
  ['ms', 1],
] as const;

const sizeUnits: Readonly<Record<string, number>> = {
  b: 1,
  kb: 1e3,
  mb: 1e6,
  gb: 1e9,
  tb: 1e12,
  kib: 2 ** 10,
  mib: 2 ** 20,
  gib: 2 ** 30,
  tib: 2 ** 40,
};

/** Milliseconds; a plain number counts milliseconds already. undefined when it is no duration or no whole number of them. */
export function parseDuration(text: string): number | undefined {
  const trimmed = text.trim();
  if (/^-?\d+$/.test(trimmed)) return safeInteger(Number(trimmed));
  if (!/^(\d+(\.\d+)?\s*(ms|[wdhms])\s*)+$/.test(trimmed)) return undefined;
  let total = 0;
  let lastUnit = -1;
  for (const [, amount, unit] of trimmed.matchAll(/(\d+(?:\.\d+)?)\s*(ms|[wdhms])/g)) {
    const index = durationUnits.findIndex(([name]) => name === unit);
    if (index <= lastUnit) return undefined;
    lastUnit = index;
    total += Number(amount) * durationUnits[index]![1];
  }
  return safeInteger(total);
}

/** The shortest way to write it that `parseDuration` reads back; `0ms` and negative numbers have no unit. */
export function formatDuration(ms: number): string {
  if (ms <= 0) return String(ms);
  let rest = ms;
  let text = '';
  for (const [unit, size] of durationUnits) {
    const amount = Math.floor(rest / size);
    if (amount > 0) text += `${amount}${unit}`;
    rest -= amount * size;
  }
  return text;
}

/** Bytes; a plain number counts bytes already. undefined when it is no size or no whole number of bytes. */
export function parseBytes(text: string): number | undefined {
  const match = /^(-?\d+|\d+\.\d+)\s*([a-z]*)$/i.exec(text.trim());
  if (match === null) return undefined;
  const [, amount, unit] = match;
  if (unit === '') return safeInteger(Number(amount));
  const size = sizeUnits[unit!.toLowerCase()];
  return size === undefined || amount!.startsWith('-') ? undefined : safeInteger(Number(amount) * size);
}

/** The largest unit that divides it, powers of two before powers of ten. */
export function formatBytes(bytes: number): string {
  for (const unit of ['TiB', 'GiB', 'MiB', 'KiB', 'TB', 'GB', 'MB', 'KB']) {
    const size = sizeUnits[unit.toLowerCase()]!;
    if (bytes >= size && bytes % size === 0) return `${bytes / size}${unit}`;
  }
  return String(bytes);
}

function safeInteger(value: number): number | undefined {
  return Number.isSafeInteger(value) ? value : undefined;
}
