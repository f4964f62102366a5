/** Reports that may come for every row: the first of a place is passed on, then the tenth, the hundredth and so on. */

export type Report = (place: string, reason: string) => void;

/** Places are columns and tables, so their number is bounded by what is captured. */
export function sparseReports(report: Report): Report {
  const counts = new Map<string, number>();
  return (place, reason) => {
    const count = (counts.get(place) ?? 0) + 1;
    counts.set(place, count);
    if (count === 1) report(place, reason);
    else if (/^10+$/.test(String(count))) report(place, `${reason}; ${count} times so far`);
  };
}
