/** The error codes of config: everything that can be wrong with what a user writes. */

import { defineErrors } from '../core/base/errors.ts';

/** The retriable flag of all of them: a configuration does not mend itself. */
const retriable = false;

export const configErrors = defineErrors('config', {
  invalid: {
    meaning: 'A configuration has problems; every one of them is listed.',
    fix: 'Correct what is listed and try again.',
    retriable,
  },
  'unknown-key': {
    meaning: 'A setting has a name that is not known in its place.',
    fix: 'Correct the spelling, or remove the setting.',
    retriable,
  },
  'unsupported-key': {
    meaning: 'A setting is known from Kafka Connect or one of its connectors, but this version does not do it.',
    fix: 'Remove the setting.',
    retriable,
  },
  'deprecated-key': {
    meaning: 'A setting still works but will go away.',
    fix: 'Use what replaced it.',
    retriable,
  },
  'no-effect': {
    meaning: 'A setting is taken for the sake of configurations written elsewhere, but changes nothing.',
    fix: 'Remove the setting.',
    retriable,
  },
  'missing-key': {
    meaning: 'A setting without a default is not given.',
    fix: 'Add the setting.',
    retriable,
  },
  'duplicate-key': {
    meaning: 'A setting is given twice in the same place.',
    fix: 'Keep one of them.',
    retriable,
  },
  'wrong-type': {
    meaning: 'A setting has another shape than it must have, such as a list where one value belongs.',
    fix: 'Write the value in the shape that is named.',
    retriable,
  },
  'bad-value': {
    meaning: 'A setting has a value that it cannot take.',
    fix: 'Choose a value of the kind that is named.',
    retriable,
  },
  conflict: {
    meaning: 'Settings that are each fine contradict each other.',
    fix: 'Change one of them.',
    retriable,
  },
  'unknown-connector': {
    meaning: 'No connector has this name.',
    fix: 'Use one of the connectors that are there.',
    retriable,
  },
  'duplicate-name': {
    meaning: 'Two pipelines or two connectors have the same name.',
    fix: 'Rename one of them.',
    retriable,
  },
  'bad-name': {
    meaning: 'A pipeline, connector or topic has a name that cannot be used.',
    fix: 'Use letters, digits, dot, underscore and dash.',
    retriable,
  },
  'missing-reference': {
    meaning: `A \${env:…} or \${file:…} names something that is not there.`,
    fix: `Set the variable or create the file, or give a default with \${env:NAME:-default}.`,
    retriable,
  },
  'bad-reference': {
    meaning: `A \${…} is not written in a way that can be expanded.`,
    fix: `Write \${env:NAME}, \${env:NAME:-default} or \${file:/path}; a literal dollar sign before a brace is $$.`,
    retriable,
  },
  syntax: {
    meaning: 'A file is not valid YAML.',
    fix: 'Correct the YAML at the place that is named.',
    retriable,
  },
  'bad-anchor': {
    meaning: 'A YAML alias (*name) has no anchor (&name) before it, or refers to itself.',
    fix: 'Define the anchor before its first use; a text that starts with * needs quotes.',
    retriable,
  },
  'too-large': {
    meaning: 'A file, folder or document is larger than any pipeline needs, which looks like a mistake.',
    fix: 'Check that the right file was named, or split it.',
    retriable,
  },
  'empty-file': {
    meaning: 'A file or folder declares no pipeline.',
    fix: 'Write a pipeline into it, or name another file.',
    retriable,
  },
  'missing-file': {
    meaning: 'A file that was named is not there or cannot be read.',
    fix: 'Correct the path or the rights of the file.',
    retriable,
  },
});
