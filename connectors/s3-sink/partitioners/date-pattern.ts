/** Date patterns as Joda-Time writes them, the language of `path.format`; pure. */

/** Renders a local time given as milliseconds (UTC methods of Date read it). */
export type DateRenderer = (localMs: number) => string;

type Piece = { readonly letter: string; readonly width: number } | { readonly text: string };

/** Letters that can stand in a pattern: era-less year, month, day and so on. */
const known = 'yYMdDEeHkhKmsSa';

/** Why the pattern cannot be used, or undefined. */
export function patternComplaint(pattern: string): string | undefined {
  const pieces = parsePattern(pattern);
  if (typeof pieces === 'string') return pieces;
  const sample = compilePieces(pieces, 'en-US')(Date.UTC(2026, 0, 31, 13, 45));
  if (sample.split('/').some((part) => part === '' || part === '.' || part === '..')) {
    return `it makes the path ${JSON.stringify(sample)}, which has an empty folder`;
  }
  return undefined;
}

/** Compiles a pattern that `patternComplaint` has nothing against. */
export function compilePattern(pattern: string, locale: string): DateRenderer {
  const pieces = parsePattern(pattern);
  if (typeof pieces === 'string') throw new RangeError(pieces);
  return compilePieces(pieces, locale);
}

function compilePieces(pieces: readonly Piece[], locale: string): DateRenderer {
  return (localMs) => {
    const date = new Date(localMs);
    return pieces
      .map((piece) => ('text' in piece ? piece.text : render(piece.letter, piece.width, date, locale)))
      .join('');
  };
}

function parsePattern(pattern: string): Piece[] | string {
  const pieces: Piece[] = [];
  let i = 0;
  while (i < pattern.length) {
    const char = pattern[i]!;
    if (char === "'") {
      const quoted = readQuoted(pattern, i);
      if (quoted === undefined) return 'a quote is not closed';
      pieces.push({ text: quoted.text });
      i = quoted.end;
    } else if (/[A-Za-z]/.test(char)) {
      if (!known.includes(char)) return `the letter ${char} means nothing here; put text into single quotes`;
      let width = 1;
      while (pattern[i + width] === char) width++;
      pieces.push({ letter: char, width });
      i += width;
    } else {
      pieces.push({ text: char });
      i++;
    }
  }
  return pieces.length === 0 ? 'it is empty' : pieces;
}

/** Text in single quotes from `start`; two quotes in a row are one, inside and outside. */
function readQuoted(pattern: string, start: number): { text: string; end: number } | undefined {
  if (pattern[start + 1] === "'") return { text: "'", end: start + 2 };
  let text = '';
  for (let i = start + 1; i < pattern.length; i++) {
    if (pattern[i] !== "'") text += pattern[i];
    else if (pattern[i + 1] === "'") {
      text += "'";
      i++;
    } else return { text, end: i + 1 };
  }
  return undefined;
}

function render(letter: string, width: number, date: Date, locale: string): string {
  const pad = (value: number) => String(value).padStart(width, '0');
  const hour = date.getUTCHours();
  switch (letter) {
    case 'y':
    case 'Y':
      return width === 2 ? String(date.getUTCFullYear() % 100).padStart(2, '0') : pad(date.getUTCFullYear());
    case 'M':
      return width < 3 ? pad(date.getUTCMonth() + 1) : name(date, locale, { month: width > 3 ? 'long' : 'short' });
    case 'd':
      return pad(date.getUTCDate());
    case 'D':
      return pad(
        1 +
          Math.round(
            (Date.UTC(date.getUTCFullYear(), date.getUTCMonth(), date.getUTCDate()) -
              Date.UTC(date.getUTCFullYear(), 0, 1)) /
              86_400_000,
          ),
      );
    case 'E':
      return name(date, locale, { weekday: width > 3 ? 'long' : 'short' });
    case 'e':
      return pad(date.getUTCDay() || 7);
    case 'H':
      return pad(hour);
    case 'k':
      return pad(hour || 24);
    case 'h':
      return pad(hour % 12 || 12);
    case 'K':
      return pad(hour % 12);
    case 'm':
      return pad(date.getUTCMinutes());
    case 's':
      return pad(date.getUTCSeconds());
    case 'S':
      return String(date.getUTCMilliseconds()).padStart(3, '0').slice(0, width).padEnd(width, '0');
    default:
      return hour < 12 ? 'AM' : 'PM';
  }
}

function name(date: Date, locale: string, options: Intl.DateTimeFormatOptions): string {
  return new Intl.DateTimeFormat(locale, { ...options, timeZone: 'UTC' }).format(date);
}
