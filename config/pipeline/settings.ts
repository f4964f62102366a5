/** Turns nested maps into flat dotted settings, each with its place. */

import { joinList } from '../fields/lists.ts';
import { type Problem, problem } from '../problem.ts';
import type { FileProblems } from './file-problems.ts';
import { describeNode, type MapNode, type Node, type Place, type ValueNode } from './tree.ts';

export interface Setting {
  /** Dotted and flat: `s3.bucket.name`. */
  readonly key: string;
  /** As the user reaches it in the file: `sinks[0].s3.bucket.name`. */
  readonly path: string;
  /** A list has its items joined by commas; undefined when the value is reported as unusable already. */
  readonly text: string | undefined;
  readonly isList: boolean;
  readonly isHidden: boolean;
  readonly keyAt: Place;
  readonly valueAt: Place;
}

export interface FlattenOptions {
  /** Where the map stands: `sinks[0]`. */
  readonly path: string;
  /** Put before every key: `errors.`. */
  readonly prefix?: string;
  /** True for keys that take a value themselves, so that a map below one is a mistake. */
  readonly isSetting: (key: string) => boolean;
  readonly problems: FileProblems;
}

/** Every setting of the map, each key once. */
export function flattenSettings(map: MapNode, options: FlattenOptions): Setting[] {
  const found = new Map<string, Setting>();
  visit(map, options.prefix ?? '', options.path, options, found);
  return [...found.values()];
}

function visit(map: MapNode, prefix: string, path: string, options: FlattenOptions, found: Map<string, Setting>): void {
  for (const entry of map.entries) {
    const key = `${prefix}${entry.key}`;
    const childPath = path === '' ? entry.key : `${path}.${entry.key}`;
    const { value } = entry;
    if (value.kind === 'map' && !options.isSetting(key)) {
      visit(value, `${key}.`, childPath, options, found);
      continue;
    }
    const earlier = found.get(key);
    if (earlier === undefined) {
      const read = readText(value, childPath, options.problems);
      found.set(key, { key, path: childPath, keyAt: entry.at, valueAt: value.at, ...read });
    } else {
      const message = `${key} is there already, on line ${earlier.keyAt.line}`;
      options.problems.add(
        problem('duplicate-key', { path: childPath, message, fix: 'Keep one of the two.' }),
        entry.at,
      );
    }
  }
}

type Text = Pick<Setting, 'text' | 'isList' | 'isHidden'>;

function readText(node: Node, path: string, problems: FileProblems): Text {
  const values = node.kind === 'list' ? node.items : [node];
  const texts: string[] = [];
  let isHidden = false;
  let isBroken = false;
  for (const value of values) {
    const complaint = value.kind === 'value' ? nothingGiven(value) : notOneValue(value);
    if (complaint !== undefined) problems.add({ ...complaint, path }, value.at);
    if (complaint !== undefined || value.kind !== 'value' || value.isBroken) {
      isBroken = true;
      continue;
    }
    texts.push(value.text);
    isHidden ||= value.isHidden;
  }
  const isList = node.kind === 'list';
  const text = isList ? joinList(texts) : texts[0];
  return { text: isBroken ? undefined : text, isList, isHidden };
}

function nothingGiven(value: ValueNode): Problem | undefined {
  if (!value.isNull || value.isBroken) return undefined;
  return problem('bad-value', { message: 'there is no value', fix: 'Give a value, or remove the key.' });
}

function notOneValue(node: Node): Problem {
  const fix = 'Write one value, or a list of single values.';
  return problem('wrong-type', { message: `${describeNode(node)} cannot stand here`, fix });
}
