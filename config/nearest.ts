/** Finds the name somebody probably meant. */

/** The candidate closest to `word`, or undefined when none is close enough to be worth a suggestion. */
export function nearest(word: string, candidates: Iterable<string>): string | undefined {
  const wanted = word.slice(0, longestWord).toLowerCase();
  let best: string | undefined;
  let bestDistance = Math.max(1, Math.floor(wanted.length / 3)) + 1;
  let partial: string | undefined;
  for (const candidate of candidates) {
    const distance = editDistance(wanted, candidate.toLowerCase());
    if (distance < bestDistance) {
      best = candidate;
      bestDistance = distance;
    }
    partial ??= isPartOf(wanted, candidate.toLowerCase()) ? candidate : undefined;
  }
  return best ?? partial;
}

/** ` Did you mean …?`, or nothing: to be put behind a message. */
export function didYouMean(word: string, candidates: Iterable<string>): string | undefined {
  const match = nearest(word, candidates);
  return match === undefined ? undefined : `Did you mean ${match}?`;
}

/** Longer words are cut: the distance costs length × length. */
const longestWord = 100;

/** `bucket` and `bucket.name` are meant to find `s3.bucket.name`, and `hour` finds `hourly`. */
function isPartOf(wanted: string, candidate: string): boolean {
  if (wanted.length >= 3 && candidate.startsWith(wanted)) return true;
  const segments = new Set(candidate.split('.'));
  const parts = wanted.split(/[._-]/).filter((part) => part !== '');
  return parts.length > 0 && parts.every((part) => segments.has(part));
}

/** Insertions, deletions, replacements and swaps of neighbours (optimal string alignment). */
function editDistance(a: string, b: string): number {
  let beforePrevious: number[] = [];
  let previous = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const current = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = previous[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1);
      let least = Math.min(replaced, previous[j]! + 1, current[j - 1]! + 1);
      const isSwap = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      if (isSwap) least = Math.min(least, beforePrevious[j - 2]! + 1);
      current.push(least);
    }
    beforePrevious = previous;
    previous = current;
  }
  return previous[b.length]!;
}
