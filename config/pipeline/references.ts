/** Expands `${env:NAME}`, `${env:NAME:-default}` and `${file:/path}` in values, after parsing and never in keys. */

import { didYouMean } from '../nearest.ts';
import { type Problem, problem } from '../problem.ts';
import type { FileProblems } from './file-problems.ts';
import { mapValues, type Node, type ValueNode, valuesIn } from './tree.ts';
import { type UserFiles, whyUnreadable } from './user-files.ts';

export interface ReferenceSources {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly files: UserFiles;
}

/** `$$`, or `$` and a brace up to its end. */
const dollar = /\$\$|\$\{([^}]*)(\}?)/g;
const envReference = /^env:([A-Za-z_][A-Za-z0-9_]*)(?::-(.*))?$/s;
const fileReference = /^file:(.+)$/s;

/** A secret or a certificate fits; a log file named by mistake does not. */
const mostReferencedBytes = 64 * 1024;

type FileText = { readonly text: string } | { readonly why: string };

/** The tree with every reference replaced; what cannot be goes to `problems` and leaves an empty text. */
export async function expandReferences(root: Node, sources: ReferenceSources, problems: FileProblems): Promise<Node> {
  const files = await readReferenced(root, sources.files);
  return mapValues(root, (value, path) => {
    if (!value.text.includes('$')) return value;
    const expanded = expandValue(value, (body) => lookUp(body, sources.env, files));
    for (const secret of expanded.secrets) problems.hideValue(secret);
    for (const found of expanded.problems) problems.add({ ...found, path }, value.at);
    return expanded.value;
  });
}

type Found = { readonly text: string; readonly isSecret: boolean } | Problem;

interface Expanded {
  readonly value: ValueNode;
  readonly secrets: readonly string[];
  readonly problems: readonly Problem[];
}

function expandValue(value: ValueNode, look: (body: string) => Found): Expanded {
  const secrets: string[] = [];
  const problems: Problem[] = [];
  const text = value.text.replaceAll(dollar, (_whole, body: string | undefined, close: string) => {
    if (body === undefined) return '$';
    const found = close === '' ? badReference() : look(body);
    if ('code' in found) {
      problems.push(found);
      return '';
    }
    if (found.isSecret) secrets.push(found.text);
    return found.text;
  });
  const isHidden = value.isHidden || secrets.length > 0;
  return { value: { ...value, text, isHidden, isBroken: value.isBroken || problems.length > 0 }, secrets, problems };
}

function lookUp(body: string, env: ReferenceSources['env'], files: ReadonlyMap<string, FileText>): Found {
  const fromEnv = envReference.exec(body);
  if (fromEnv !== null) {
    const [, name, fallback] = fromEnv;
    const value = Object.hasOwn(env, name!) ? env[name!] : undefined;
    if (value !== undefined && (value !== '' || fallback === undefined)) return { text: value, isSecret: value !== '' };
    if (fallback !== undefined) return { text: fallback, isSecret: false };
    const close = didYouMean(name!, Object.keys(env));
    const set = `Set it, or give a default: \${env:${name}:-default}.`;
    return problem('missing-reference', {
      message: `the environment variable ${name} is not set`,
      fix: close === undefined ? set : `${close} Otherwise: ${set.charAt(0).toLowerCase()}${set.slice(1)}`,
    });
  }
  const path = fileReference.exec(body)?.[1];
  const content = path === undefined ? undefined : files.get(path);
  if (content === undefined) return badReference();
  if ('text' in content) return { text: content.text, isSecret: content.text !== '' };
  return problem('missing-reference', {
    message: `the file ${path} cannot be used: ${content.why}`,
    fix: 'Create it, or correct the path.',
  });
}

/** Does not repeat what stands there: it may be part of a password. */
function badReference(): Problem {
  const fix = `Write \${env:NAME}, \${env:NAME:-default} or \${file:/path}; to mean the characters themselves, write $\${ for \${.`;
  return problem('bad-reference', { message: `what begins with \${ here is not a reference`, fix });
}

async function readReferenced(root: Node, files: UserFiles): Promise<Map<string, FileText>> {
  const found = new Map<string, FileText>();
  for (const value of valuesIn(root)) {
    for (const [, body] of value.text.matchAll(dollar)) {
      const path = fileReference.exec(body ?? '')?.[1];
      if (path !== undefined && !found.has(path)) found.set(path, await readOne(path, files));
    }
  }
  return found;
}

/** The content without the line break an editor puts at the end. */
async function readOne(path: string, files: UserFiles): Promise<FileText> {
  try {
    const bytes = await files.read(path, mostReferencedBytes);
    return { text: bytes.toString('utf8').replace(/\r?\n$/, '') };
  } catch (error) {
    return { why: whyUnreadable(error) };
  }
}
