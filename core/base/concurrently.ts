/** Work on many things, a few at a time. */

/** The results in the order of the items. Rejects with the first failure, when nothing is under way any more; what was not begun then is not. */
export async function mapConcurrently<T, R>(
  items: readonly T[],
  limit: number,
  work: (item: T) => Promise<R>,
): Promise<R[]> {
  const results = new Array<R>(items.length);
  let next = 0;
  let failure: { readonly cause: unknown } | undefined;
  const run = async (): Promise<void> => {
    while (next < items.length && failure === undefined) {
      const at = next;
      next += 1;
      try {
        results[at] = await work(items[at] as T);
      } catch (cause) {
        failure ??= { cause };
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(limit, items.length) }, run));
  if (failure !== undefined) throw (failure as { readonly cause: unknown }).cause;
  return results;
}
