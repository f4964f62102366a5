/** A list inside one setting: items divided by commas, as Kafka Connect writes them, without losing items that have commas. */

/**
 * The items, trimmed, empty ones dropped. A backslash before a comma or a backslash takes it literally. With `braces`
 * a comma inside `{…}` divides nothing, so that `*.{log,txt}` is one glob.
 */
export function splitList(text: string, braces = false): string[] {
  const items: string[] = [];
  let item = '';
  let depth = 0;
  for (let i = 0; i < text.length; i++) {
    const char = text[i]!;
    const next = text[i + 1];
    if (char === '\\' && (next === ',' || next === '\\')) {
      item += next;
      i++;
    } else if (char === ',' && depth === 0) {
      items.push(item);
      item = '';
    } else {
      if (braces && char === '{') depth++;
      if (braces && char === '}') depth = Math.max(0, depth - 1);
      item += char;
    }
  }
  items.push(item);
  return items.map((each) => each.trim()).filter((each) => each !== '');
}

/** What `splitList` reads back, with or without `braces`, as long as items are trimmed and their braces are balanced. */
export function joinList(items: readonly string[]): string {
  return items.map((item) => item.replaceAll(/[\\,]/g, '\\$&')).join(',');
}
