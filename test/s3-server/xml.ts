/** Just enough XML: building answers and reading the bodies clients send. */

export type XmlValue =
  | string
  | number
  | boolean
  | undefined
  | readonly XmlValue[]
  | { readonly [name: string]: XmlValue };

const header = '<?xml version="1.0" encoding="UTF-8"?>\n';

/** `{ A: { B: 1, C: [2, 3] } }` becomes `<A><B>1</B><C>2</C><C>3</C></A>`. */
export function toXml(document: { readonly [name: string]: XmlValue }): string {
  return header + elements(document);
}

function elements(value: { readonly [name: string]: XmlValue }): string {
  return Object.entries(value)
    .flatMap(([name, inner]) => (Array.isArray(inner) ? inner : [inner]).map((each) => element(name, each)))
    .join('');
}

function element(name: string, value: XmlValue): string {
  if (value === undefined) return '';
  const inner = typeof value === 'object' ? elements(value as { [name: string]: XmlValue }) : escapeXml(String(value));
  return `<${name}>${inner}</${name}>`;
}

/** The inner text of every `<name>` of a document. */
export function readAll(xml: string, name: string): string[] {
  return [...xml.matchAll(new RegExp(`<${name}(?:\\s[^>]*)?>([\\s\\S]*?)</${name}>`, 'g'))].map((match) => match[1]!);
}

export function readOne(xml: string, name: string): string | undefined {
  const text = readAll(xml, name)[0];
  return text === undefined ? undefined : unescapeXml(text.trim());
}

function escapeXml(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
    .replaceAll('\r', '&#13;');
}

function unescapeXml(text: string): string {
  return text
    .replaceAll('&lt;', '<')
    .replaceAll('&gt;', '>')
    .replaceAll('&quot;', '"')
    .replaceAll('&apos;', "'")
    .replaceAll('&#34;', '"')
    .replaceAll('&#39;', "'")
    .replaceAll('&amp;', '&');
}
