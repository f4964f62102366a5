/** Checks the settings of one block (a connector, a topic) and gives every problem its place in the file. */

import { canonicalKey, type Described, parseSettings } from '../parse-settings.ts';
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
  parse?(settings: Readonly<Record<string, string>>, hidden: ReadonlySet<string>): readonly Problem[];
}

/**
 * The flat configuration under canonical names, units turned into plain numbers, with what is implied and without
 * defaults; undefined when something is wrong with it.
 */
export function checkBlock(block: Block): Record<string, string> | undefined {
  const byKey = new Map(block.settings.map((setting) => [setting.key, setting]));
  const usable = block.settings.filter((setting) => isUsable(block, setting));
  const texts: Record<string, string> = { ...block.implied };
  for (const setting of usable) texts[setting.key] = setting.text!;
  const hidden = new Set(usable.filter((setting) => setting.isHidden).map((setting) => setting.key));
  const unusable = new Set(block.settings.filter((each) => !usable.includes(each)).map((each) => each.key));

  const parse = block.parse ?? ((settings, keys) => parseSettings(block.described, settings, keys).problems);
  const found = parse(texts, hidden).filter((each) => !isAbout(block.described, each, unusable));
  for (const each of found) report(block, each, byKey);
  return hasErrors(found) || unusable.size > 0 ? undefined : plainConfig(block.described, texts);
}

function isUsable({ described, problems }: Block, setting: Setting): boolean {
  if (setting.text === undefined) return false;
  const key = canonicalKey(described.fields, setting.key);
  const kind = key === undefined ? undefined : described.fields[key]!.kind;
  if (!setting.isList || kind === undefined || listKinds.has(kind)) return true;
  const details = { path: setting.path, message: 'a list cannot stand here', fix: 'Write one value.' };
  problems.add(problem('wrong-type', details), setting.valueAt);
  return false;
}

/** True for what follows from a setting that is reported already: it looks missing, or a rule misses it. */
function isAbout({ fields }: Described, found: Problem, unusable: ReadonlySet<string>): boolean {
  if (found.code === 'config/conflict') return unusable.size > 0;
  return [...unusable].some((key) => (canonicalKey(fields, key) ?? key) === found.path);
}

function report({ path, at, problems }: Block, found: Problem, byKey: ReadonlyMap<string, Setting>): void {
  const setting = byKey.get(found.path);
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
    const canonical = canonicalKey(fields, key)!;
    const parsed = fields[canonical]!.parse(text, String);
    if ('value' in parsed) config[canonical] = fields[canonical]!.print(parsed.value);
  }
  return config;
}
