/** Colours on a terminal, and nothing anywhere else. */

const codes = {
  bold: '1',
  dim: '2',
  snapshot: '36',
  insert: '32',
  update: '33',
  delete: '31',
  truncate: '31',
} as const;

export type Paint = (style: keyof typeof codes, text: string) => string;

export function paintWith(color: boolean): Paint {
  return (style, text) => (color ? `\u001b[${codes[style]}m${text}\u001b[0m` : text);
}
