/** Whether a pattern matches a whole name, as Kafka's subscriptions by pattern do. */

/** Anchored, because the first of two alternatives may stop in the middle of a name that the second matches to its end. */
export function matchesWhole(pattern: RegExp, text: string): boolean {
  return new RegExp(`^(?:${pattern.source})$`, pattern.flags).test(text);
}
