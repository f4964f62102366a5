/** A YAML document as plain nodes: text and places, nothing of the parser's own. */

/** Where something stands in its file; both from 1. */
export interface Place {
  readonly line: number;
  /** In UTF-16 units. */
  readonly column: number;
}

export interface ValueNode {
  readonly kind: 'value';
  /** As written for plain scalars (`1.10` stays `1.10`), unescaped for quoted ones. */
  readonly text: string;
  readonly isNull: boolean;
  /** True when part of the text came from the environment or a file: nothing may print it. */
  readonly isHidden: boolean;
  /** True when its problem is reported already: it counts as given, and nothing more is said about it. */
  readonly isBroken: boolean;
  readonly at: Place;
}

interface ListNode {
  readonly kind: 'list';
  readonly items: readonly Node[];
  readonly at: Place;
}

export interface MapNode {
  readonly kind: 'map';
  /** In the order of the file, no key twice. */
  readonly entries: readonly Entry[];
  readonly at: Place;
}

export interface Entry {
  readonly key: string;
  /** Of the key; the value has its own. */
  readonly at: Place;
  readonly value: Node;
}

export type Node = ValueNode | ListNode | MapNode;

export function entryOf(map: MapNode, key: string): Entry | undefined {
  return map.entries.find((entry) => entry.key === key);
}

/** The same tree with every value replaced by what `change` makes of it and of its path (`sinks[0].format`). */
export function mapValues(node: Node, change: (value: ValueNode, path: string) => ValueNode, path = ''): Node {
  if (node.kind === 'value') return change(node, path);
  if (node.kind === 'list') {
    return { ...node, items: node.items.map((item, index) => mapValues(item, change, `${path}[${index}]`)) };
  }
  const entries = node.entries.map((entry) => {
    const below = path === '' ? entry.key : `${path}.${entry.key}`;
    return { ...entry, value: mapValues(entry.value, change, below) };
  });
  return { ...node, entries };
}

/** Every value of the tree in the order of the file. */
export function* valuesIn(node: Node): Generator<ValueNode> {
  if (node.kind === 'value') yield node;
  else if (node.kind === 'list') for (const item of node.items) yield* valuesIn(item);
  else for (const entry of node.entries) yield* valuesIn(entry.value);
}

/** `a map`, `a list`, `a value`: for messages. */
export function describeNode(node: Node): string {
  if (node.kind === 'map') return 'a map';
  if (node.kind === 'list') return 'a list';
  return node.isNull ? 'nothing' : 'a single value';
}
