/** Reads the YAML of one file into nodes, going on after every mistake the parser survives. */

import { type Document, isAlias, isMap, isScalar, isSeq, type Pair, type Node as YamlNode } from 'yaml';
import { isConfidentialName } from '../blot.ts';
import { didYouMean } from '../nearest.ts';
import { problem } from '../problem.ts';
import type { FileProblems } from './file-problems.ts';
import type { Entry, MapNode, Node, Place, ValueNode } from './tree.ts';
import { parseTolerantly, reportSyntax } from './yaml-syntax.ts';

/** Nodes of one file, aliases counted as often as they are used: stops documents that unfold without end. */
const mostNodes = 20_000;
const deepestNesting = 50;

/** The non-empty documents of the file; what is wrong with its YAML goes to `problems`. */
export function readYaml(text: string, problems: FileProblems): Node[] {
  const parsed = parseTolerantly(text, problems);
  const budget = { nodes: mostNodes };
  return parsed.documents.flatMap((document) => {
    for (const error of [...document.errors, ...document.warnings]) {
      reportSyntax(error, parsed.placeOf(error.pos[0]), problems);
    }
    const root = new TreeReader(document, parsed.placeOf, problems, budget).read();
    return root === undefined ? [] : [root];
  });
}

class TreeReader {
  readonly #document: Document;
  readonly #placeOf: (offset: number) => Place;
  readonly #problems: FileProblems;
  readonly #budget: { nodes: number };
  readonly #anchors = new Map<string, YamlNode>();
  /** The chain of nodes being read: an alias to one of them would never end. */
  readonly #open = new Set<unknown>();

  constructor(
    document: Document,
    placeOf: (offset: number) => Place,
    problems: FileProblems,
    budget: { nodes: number },
  ) {
    this.#document = document;
    this.#placeOf = placeOf;
    this.#problems = problems;
    this.#budget = budget;
  }

  read(): Node | undefined {
    const { contents } = this.#document;
    if (contents === null) return undefined;
    const node = this.#node(contents, '', { line: 1, column: 1 });
    return node.kind === 'value' && node.isNull ? undefined : node;
  }

  #node(yaml: unknown, path: string, parent: Place): Node {
    const node = yaml as YamlNode | null;
    const at = node?.range ? this.#placeOf(node.range[0]) : parent;
    const nothing: ValueNode = { kind: 'value', text: '', isNull: true, isHidden: false, isBroken: false, at };
    if (node === null || node === undefined || this.#isTooMuch(path, at)) return nothing;
    if (isAlias(node)) return this.#alias(node.source, path, at) ?? { ...nothing, isBroken: true };
    if ('anchor' in node && node.anchor) this.#anchors.set(node.anchor, node);
    this.#open.add(node);
    let result: Node = nothing;
    if (isScalar(node)) result = this.#scalar(node, path, at);
    if (isSeq(node)) {
      result = { kind: 'list', at, items: node.items.map((item, i) => this.#node(item, `${path}[${i}]`, at)) };
    }
    if (isMap(node)) result = { kind: 'map', at, entries: this.#entries(node.items, path, at) };
    this.#open.delete(node);
    return result;
  }

  #isTooMuch(path: string, at: Place): boolean {
    this.#budget.nodes--;
    if (this.#budget.nodes >= 0 && this.#open.size < deepestNesting) return false;
    const message = `the file has more than ${mostNodes} values or ${deepestNesting} levels, aliases unfolded`;
    if (this.#budget.nodes === -1 || this.#open.size === deepestNesting) {
      this.#problems.add(problem('too-large', { path, message }), at);
    }
    return true;
  }

  #alias(name: string, path: string, at: Place): Node | undefined {
    const target = this.#anchors.get(name);
    if (target !== undefined && !this.#open.has(target)) return this.#node(target, path, at);
    const message = target === undefined ? `there is no anchor &${name} before this` : `*${name} contains itself`;
    const fix = target === undefined ? didYouMean(name, this.#anchors.keys()) : undefined;
    this.#problems.add(problem('bad-anchor', { path, message, fix }), at);
    return undefined;
  }

  #scalar(
    node: { value: unknown; source?: string; range?: [number, number, number] | null },
    path: string,
    at: Place,
  ): Node {
    const { value } = node;
    const isPlainType = value === null || ['string', 'number', 'boolean', 'bigint'].includes(typeof value);
    if (!isPlainType) {
      const message = 'this YAML type has no meaning in a pipeline';
      this.#problems.add(problem('wrong-type', { path, message, fix: 'Write it as text.' }), at);
    }
    const text = typeof value === 'string' ? value : (node.source ?? String(value));
    if (isConfidentialName(path)) this.#hide(text, node.range, at);
    return { kind: 'value', text, isNull: value === null, isHidden: false, isBroken: !isPlainType, at };
  }

  #hide(text: string, range: [number, number, number] | null | undefined, at: Place): void {
    if (!text.startsWith('${')) this.#problems.hideValue(text);
    this.#problems.hideLine(at.line, at.column);
    const last = range ? this.#placeOf(range[1]).line : at.line;
    for (let line = at.line + 1; line <= last; line++) this.#problems.hideLine(line, 1);
  }

  #entries(pairs: readonly Pair[], path: string, parent: Place): Entry[] {
    const entries = new Map<string, Entry>();
    const merged: Entry[] = [];
    for (const pair of pairs) {
      const keyNode = pair.key as YamlNode | null;
      const at = keyNode?.range ? this.#placeOf(keyNode.range[0]) : parent;
      const key = this.#key(keyNode, path, at);
      if (key === undefined) continue;
      const childPath = path === '' ? key : `${path}.${key}`;
      const earlier = entries.get(key);
      if (earlier !== undefined) this.#reportTwice(childPath, earlier.at, at);
      const value = this.#node(pair.value, childPath, at);
      if (key === '<<') merged.push(...this.#merged(value, childPath));
      else if (earlier === undefined) entries.set(key, { key, at, value });
    }
    for (const entry of merged) if (!entries.has(entry.key)) entries.set(entry.key, entry);
    return [...entries.values()];
  }

  #key(node: YamlNode | null, path: string, at: Place): string | undefined {
    if (node !== null && isScalar(node) && node.value !== null) {
      const key = typeof node.value === 'string' ? node.value : (node.source ?? String(node.value));
      if (!key.includes('${')) return key;
      const message = 'references are expanded in values, not in keys';
      this.#problems.add(problem('bad-reference', { path, message, fix: 'Write the key out.' }), at);
      return undefined;
    }
    const message = 'a key must be a single text';
    this.#problems.add(
      problem('wrong-type', { path, message, fix: 'Put quotes around texts that start with * & [ { ? or !.' }),
      at,
    );
    return undefined;
  }

  /** Entries of `<<: *map` and `<<: [*a, *b]`; the keys beside it win, then the earlier map. */
  #merged(value: Node, path: string): readonly Entry[] {
    const maps = value.kind === 'list' ? value.items : [value];
    return maps.flatMap((each) => {
      if (each.kind === 'map') return (each satisfies MapNode).entries;
      const message = '<< takes in a map or a list of maps';
      if (each.kind === 'list' || !each.isNull) this.#problems.add(problem('wrong-type', { path, message }), each.at);
      return [];
    });
  }

  #reportTwice(path: string, earlier: Place, at: Place): void {
    const message = `this key is there already, on line ${earlier.line}`;
    this.#problems.add(problem('duplicate-key', { path, message, fix: 'Keep one of the two.' }), at);
  }
}
