/** Offsets of a time zone from UTC, asked once per quarter of an hour; pure. */

/** Zones change their offset at multiples of this. */
export const zoneSlotMs = 900_000;

/** Slots remembered; enough for records of several days in any order. */
const mostSlots = 512;

export class TimeZone {
  readonly #format: Intl.DateTimeFormat | undefined;
  readonly #offsets = new Map<number, number>();

  constructor(name: string) {
    this.#format = /^(utc|z|etc\/utc|gmt)$/i.test(name) ? undefined : zoneFormat(name);
  }

  /** Milliseconds to add to UTC to get the local time at `timeMs`. */
  offsetMs(timeMs: number): number {
    if (this.#format === undefined) return 0;
    const slot = Math.floor(timeMs / zoneSlotMs);
    let offset = this.#offsets.get(slot);
    if (offset === undefined) {
      offset = readOffset(this.#format, slot * zoneSlotMs);
      if (this.#offsets.size >= mostSlots) this.#offsets.clear();
      this.#offsets.set(slot, offset);
    }
    return offset;
  }

  /** UTC of a local time. In the hour that clocks skip it is the time after, in the hour they repeat the later one. */
  toUtcMs(localMs: number): number {
    const guess = localMs - this.offsetMs(localMs);
    return localMs - this.offsetMs(guess);
  }
}

/** Why the zone or locale cannot be used, or undefined. */
export function zoneComplaint(zone: string, locale: string): string | undefined {
  try {
    zoneFormat(zone);
  } catch {
    return `there is no time zone ${JSON.stringify(zone)}`;
  }
  try {
    Intl.DateTimeFormat.supportedLocalesOf(locale);
    return undefined;
  } catch {
    return `there is no locale ${JSON.stringify(locale)}`;
  }
}

function zoneFormat(timeZone: string): Intl.DateTimeFormat {
  return new Intl.DateTimeFormat('en-US', {
    timeZone,
    hourCycle: 'h23',
    calendar: 'iso8601',
    year: 'numeric',
    month: 'numeric',
    day: 'numeric',
    hour: 'numeric',
    minute: 'numeric',
    second: 'numeric',
  });
}

function readOffset(format: Intl.DateTimeFormat, timeMs: number): number {
  const parts: Record<string, number> = {};
  for (const { type, value } of format.formatToParts(timeMs)) parts[type] = Number(value);
  const { year = 0, month = 1, day = 1, hour = 0, minute = 0, second = 0 } = parts;
  return Date.UTC(year, month - 1, day, hour, minute, second) - Math.floor(timeMs / 1000) * 1000;
}
