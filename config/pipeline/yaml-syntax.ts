/** What is wrong with YAML as YAML, in words that say what to do about it. */

import { type Document, parseAllDocuments, type YAMLError } from 'yaml';
import { problem } from '../problem.ts';
import type { FileProblems } from './file-problems.ts';
import type { Place } from './tree.ts';

type ErrorCode = YAMLError['code'];

const unclosed = {
  message: 'a quote, bracket or brace is not closed',
  fix: 'Close it, or quote the text it stands in.',
};
const indent = {
  message: 'this line is not indented like its neighbours',
  fix: 'Start the keys of one map in the same column, and what belongs to a key further right.',
};

/** By the parser's code; a missing one shows the parser's own words. */
const explanations: Partial<Record<ErrorCode, { message: string; fix: string }>> = {
  BAD_INDENT: indent,
  BLOCK_IN_FLOW: {
    message: 'there is a block inside brackets or braces',
    fix: 'Write it with brackets and braces too.',
  },
  BLOCK_AS_IMPLICIT_KEY: {
    message: 'there is a second colon on this line, or the next line is indented too far',
    fix: 'Put quotes around a text with a colon and a space; start keys of one map in the same column.',
  },
  MULTILINE_IMPLICIT_KEY: {
    message: 'this key goes over more than one line',
    fix: 'Put a colon and a space behind the key, or correct the indentation.',
  },
  MISSING_CHAR: {
    message: 'a character is missing here',
    fix: 'Close quotes and brackets; put a colon and a space behind each key.',
  },
  BAD_SCALAR_START: { message: 'a text cannot start with this character', fix: 'Put quotes around the text.' },
  BAD_DQ_ESCAPE: {
    message: 'a backslash in double quotes starts an escape that does not exist',
    fix: 'Use single quotes, or write \\\\.',
  },
  UNEXPECTED_TOKEN: {
    message: 'this does not fit here',
    fix: 'Check the line before; put quotes around texts with special characters.',
  },
  TAG_RESOLVE_FAILED: {
    message: 'this !tag has no meaning here',
    fix: 'Remove it, or put quotes around a text that starts with !.',
  },
  TAB_AS_INDENT: { message: 'this line is indented with a tab', fix: 'Use spaces.' },
  MULTIPLE_DOCS: { message: 'a second document starts here', fix: 'Put --- between documents.' },
  KEY_OVER_1024_CHARS: {
    message: 'this key is longer than 1,024 characters',
    fix: 'Put a colon and a space behind the key.',
  },
  BAD_ALIAS: { message: 'this alias has no name', fix: 'Put quotes around a text that starts with *.' },
};

const closers = /Missing closing|must be sufficiently indented and end with|Expected .* to end with/;

export function reportSyntax(error: YAMLError, at: Place, problems: FileProblems): void {
  const known = closers.test(error.message) ? unclosed : explanations[error.code];
  problems.add(problem('syntax', known ?? { message: `this is not valid YAML: ${error.message}` }), at);
}

export interface ParsedText {
  readonly documents: readonly Document[];
  /** The place in the text as the user wrote it. */
  placeOf(offset: number): Place;
}

/**
 * Parses the text. Lines whose indentation has tabs, which YAML forbids, are reported and then read as if each tab were
 * one step of the file's own indentation, so that what stands on and behind them is checked all the same.
 */
export function parseTolerantly(text: string, problems: FileProblems): ParsedText {
  let current = text;
  const shifts: Shifts = new Map();
  const step = smallestStep(text);
  for (let round = 1; ; round++) {
    const find = placeFinder(current);
    const documents = parseAll(current, problems);
    const tabbed = round > mostTabRounds ? [] : tabbedLines(current, documents, find);
    if (tabbed.length === 0) return { documents, placeOf: (offset) => unshifted(find(offset), shifts) };
    const lines = current.split('\n');
    for (const line of tabbed) {
      const blank = /^[ \t]*/.exec(lines[line - 1]!)![0];
      const spaces = blank.replaceAll('\t', step);
      lines[line - 1] = spaces + lines[line - 1]!.slice(blank.length);
      shifts.set(line, { column: blank.length, by: spaces.length - blank.length });
      const details = { message: 'this line is indented with a tab, which YAML does not allow', fix: 'Use spaces.' };
      problems.add(problem('syntax', details), { line, column: blank.indexOf('\t') + 1 });
    }
    current = lines.join('\n');
  }
}

/** How far what stands behind the tabs of a line was moved, by line. */
type Shifts = Map<number, { readonly column: number; readonly by: number }>;

function unshifted({ line, column }: Place, shifts: Shifts): Place {
  const shift = shifts.get(line);
  if (shift === undefined || column <= shift.column) return { line, column };
  return { line, column: Math.max(shift.column, column - shift.by) };
}

/** Finds places by the line breaks of the text itself: the parser's own count misses some when it recovers from mistakes. */
function placeFinder(text: string): (offset: number) => Place {
  const starts = [0];
  for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) starts.push(at + 1);
  return (offset) => {
    let low = 0;
    let high = starts.length - 1;
    while (low < high) {
      const middle = Math.ceil((low + high) / 2);
      if (starts[middle]! <= offset) low = middle;
      else high = middle - 1;
    }
    let at = Math.min(offset, text.length);
    // A line that ends with two characters ends before the first of them.
    if (text[at] === '\n' && text[at - 1] === '\r') at--;
    return { line: low + 1, column: at - starts[low]! + 1 };
  };
}

/** Each round finds every tab the parser gets to see; tabs hide others only when they change the nesting. */
const mostTabRounds = 10;

function parseAll(text: string, problems: FileProblems): readonly Document[] {
  try {
    const documents = parseAllDocuments(text, { uniqueKeys: false, prettyErrors: false });
    return 'empty' in documents ? [] : documents;
  } catch (error) {
    // The parser recurses into nested collections and has no limit of its own.
    if (!(error instanceof RangeError)) throw error;
    problems.add(problem('too-large', { message: 'the YAML is nested too deeply' }));
    return [];
  }
}

function tabbedLines(text: string, documents: readonly Document[], find: (offset: number) => Place): number[] {
  const tabErrors = documents.flatMap((document) => document.errors).filter((error) => error.code === 'TAB_AS_INDENT');
  if (tabErrors.length === 0) return [];
  const lines = text.split('\n');
  const flagged = tabErrors.map((error) => find(error.pos[0]).line);
  return [...new Set(flagged)].filter((line) => /^ *\t/.test(lines[line - 1] ?? ''));
}

function smallestStep(text: string): string {
  const indents = [...text.matchAll(/^( +)[^\s#-]/gm)].map((match) => match[1]!.length);
  return ' '.repeat(indents.length === 0 ? 2 : Math.min(8, ...indents.slice(0, 1000)));
}
