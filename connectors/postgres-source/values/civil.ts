/** Days and dates of the proleptic Gregorian calendar, in numbers that stay exact for every date PostgreSQL has. */

/** Days from 0000-03-01 to 1970-01-01. */
const epochDay = 719_468;
const daysPerEra = 146_097;

/** Days since 1970-01-01; year 0 is 1 BC. */
export function daysFromCivil(year: number, month: number, day: number): number {
  const shifted = month <= 2 ? year - 1 : year;
  const era = Math.floor(shifted / 400);
  const yearOfEra = shifted - era * 400;
  const dayOfYear = Math.floor((153 * (month + (month > 2 ? -3 : 9)) + 2) / 5) + day - 1;
  const dayOfEra = yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear;
  return era * daysPerEra + dayOfEra - epochDay;
}

/** What `civilFromDays` found; overwritten by the next call. */
export const civil = { year: 0, month: 0, day: 0 };

/** The day `civil` is about: rows of one time are mostly of one day. */
let civilDays = Number.NaN;

/** Fills `civil`. */
export function civilFromDays(days: number): void {
  if (days === civilDays) return;
  civilDays = days;
  const shifted = days + epochDay;
  const era = Math.floor(shifted / daysPerEra);
  const dayOfEra = shifted - era * daysPerEra;
  const yearOfEra = Math.floor(
    (dayOfEra - Math.floor(dayOfEra / 1460) + Math.floor(dayOfEra / 36_524) - Math.floor(dayOfEra / 146_096)) / 365,
  );
  const dayOfYear = dayOfEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100));
  const monthIndex = Math.floor((5 * dayOfYear + 2) / 153);
  civil.day = dayOfYear - Math.floor((153 * monthIndex + 2) / 5) + 1;
  civil.month = monthIndex < 10 ? monthIndex + 3 : monthIndex - 9;
  civil.year = yearOfEra + era * 400 + (civil.month <= 2 ? 1 : 0);
}

const monthLengths = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] as const;

export function isDate(year: number, month: number, day: number): boolean {
  if (month < 1 || month > 12 || day < 1) return false;
  const isLeap = year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
  return day <= (month === 2 && isLeap ? 29 : monthLengths[month - 1]!);
}
