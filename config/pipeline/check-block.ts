/** Checks the settings of one block (a connector, a topic) and gives every problem its place in the file. */

import { canonicalKey, type Described, fieldOf, type ParseOptions, parseSettings } from '../parse-settings.ts';
import { hasErrors, type Problem, problem } from '../problem.ts';
import type { FileProblems } from './file-problems.ts';
import type { Setting } from './settings.ts';
import type { Place } from './tree.ts';

/** The kinds whose text form is a list. */
const listKinds: ReadonlySet<string> = new Set(['list', 'globs', 'topics']);

export interface Block {
  readonly described: Described;
  readonly settings: readonly Setting[];
  /** Settings that the user did not write, by key. */
  readonly implied?: Readonly<Record<string, string>>;
  /** Where the block stands in the document: `sinks[0]`. */
  readonly path: string;
  /** Where problems about settings that are not there are shown. */
  readonly at: Place;
  readonly problems: FileProblems;
  /** Replaces the fields' own check, where there are rules across settings too. */
  parse?(settings: Readonly<Record<string, string>>, options: ParseOptions): readonly Problem[];
}

/**
 * The flat configuration under canonical names, units turned into plain numbers, with what is implied and without
 * defaults; undefined when something is wrong with it.
 */
export function checkBlock(block: Block): Record<string, string> | undefined {
  const { described, settings } = block;
  const usable = settings.filter((setting) => isUsable(block, setting));
  // Made from entries, so that a key such as __proto__ is a key like any other and is found to be unknown.
  const written = usable.map((setting) => [setting.key, setting.text!]);
  const texts: Record<string, string> = Object.fromEntries([...Object.entries(block.implied ?? {}), ...written]);
  const hidden = new Set(usable.filter((setting) => setting.isHidden).map((setting) => setting.key));
  const broken = new Set(settings.filter((each) => !usable.includes(each)).map((each) => each.key));

  const parse = block.parse ?? ((...input) => parseSettings(described, ...input).problems);
  const found = parse(texts, { hidden, broken, isFromUser: true });
  const byKey = new Map(
    settings.map((setting) => [canonicalKey(described.fields, setting.key) ?? setting.key, setting]),
  );
  for (const each of found) report(block, each, byKey);
  return hasErrors(found) || broken.size > 0 ? undefined : plainConfig(described, texts);
}

function isUsable({ described, problems }: Block, setting: Setting): boolean {
  if (setting.text === undefined) return false;
  const key = canonicalKey(described.fields, setting.key);
  const kind = key === undefined ? undefined : fieldOf(described.fields, key)?.kind;
  if (!setting.isList || kind === undefined || listKinds.has(kind)) return true;
  const details = { path: setting.path, message: 'a list cannot stand here', fix: 'Write one value.' };
  problems.add(problem('wrong-type', details), setting.valueAt);
  return false;
}

function report({ described, path, at, problems }: Block, found: Problem, byKey: ReadonlyMap<string, Setting>): void {
  const setting = byKey.get(canonicalKey(described.fields, found.path) ?? found.path);
  if (setting === undefined) {
    problems.add({ ...found, path: `${path}.${found.path}` }, at);
    return;
  }
  const isAboutKey = found.code !== 'config/bad-value' && found.code !== 'config/conflict';
  problems.add({ ...found, path: setting.path }, isAboutKey ? setting.keyAt : setting.valueAt);
}

function plainConfig({ fields }: Described, texts: Readonly<Record<string, string>>): Record<string, string> {
  const config: Record<string, string> = {};
  for (const [key, text] of Object.entries(texts)) {
    const canonical = canonicalKey(fields, key) ?? key;
    const field = fieldOf(fields, canonical);
    const parsed = field?.parse(text, String);
    if (field !== undefined && parsed !== undefined && 'value' in parsed) config[canonical] = field.print(parsed.value);
  }
  return config;
}
