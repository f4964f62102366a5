/** The error codes of the file source. */

import { defineErrors } from '../../core/base/errors.ts';

export const fileSourceErrors = defineErrors('file-source', {
  'bad-pattern': {
    meaning: 'A path or glob cannot be understood.',
    fix: 'Write an absolute path or glob, such as /srv/logs/*.log.',
    retriable: false,
  },
  unreadable: {
    meaning:
      'A matching file or folder cannot be opened or read. Everything else goes on; it is tried again by itself.',
    fix: 'Give the user that runs this process the right to read the file and to enter its folders.',
    retriable: true,
  },
  'bad-gzip': {
    meaning:
      'A gzip file is damaged or not finished. Its lines up to there are read; it is tried again when it changes.',
    fix: 'Replace the file by an intact copy, or exclude it.',
    retriable: true,
  },
  'file-too-large': {
    meaning: 'A file is larger than whole mode takes. Everything else goes on.',
    fix: 'Raise max.file.bytes, exclude the file, or read it with mode: line.',
    retriable: false,
  },
});
