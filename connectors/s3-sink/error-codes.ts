/** The error codes of the S3 sink; the retry rules of every store call hang on them. */

import { defineErrors } from '../../core/base/errors.ts';

export const s3Errors = defineErrors('s3', {
  unavailable: {
    meaning: 'The store did not answer, broke the connection off or failed inside.',
    fix: 'Nothing, if it passes: the call is repeated until it succeeds. Otherwise check the network and the store.',
    retriable: true,
  },
  throttled: {
    meaning: 'The store asks for fewer requests.',
    fix: 'Nothing: fewer uploads run at once until it recovers. Lasting throttling calls for larger objects or more prefixes.',
    retriable: true,
  },
  denied: {
    meaning: 'The store refuses these credentials this operation.',
    fix: 'Check the access key, its policy (the README of the connector lists the permissions) and the clock of this machine.',
    retriable: true,
  },
  'bucket-missing': {
    meaning: 'There is no such bucket at this endpoint.',
    fix: 'Create it, or correct s3.bucket.name, s3.region and store.url.',
    retriable: true,
  },
  refused: {
    meaning: 'The store will never take this request as it is.',
    fix: 'See the message of the store; a setting such as s3.acl.canned, s3.ssea.name or s3.part.size may not suit it.',
    retriable: false,
  },
  'upload-gone': {
    meaning: 'An upload in progress was removed from outside, so what it held must be read from the topic again.',
    fix: 'Nothing: the task restarts and writes it anew. If it returns, let the lifecycle rule for incomplete uploads wait for days.',
    retriable: true,
  },
  'object-exists': {
    meaning: 'Another object has the name of one of ours.',
    fix: 'One topics.dir belongs to one connector per topic and format: choose another topics.dir, or remove the old objects if the topic was made anew.',
    retriable: false,
  },
  fenced: {
    meaning: 'Another task owns this partition now.',
    fix: 'Nothing after a rebalance. If it returns, two workers run a connector of the same name on one topics.dir: rename one.',
    retriable: true,
  },
  'no-conditional-writes': {
    meaning: 'The store ignores If-None-Match or If-Match, so two writers could overwrite each other unnoticed.',
    fix: 'Use a store that honours conditional writes: Amazon S3, R2, MinIO, SeaweedFS, Versity S3 Gateway, or store.url: file:….',
    retriable: false,
  },
  'no-hard-links': {
    meaning:
      'The file system cannot give a file a second name, which is how objects appear whole and never replace another.',
    fix: 'Choose a folder on a file system with hard links, such as ext4, xfs, btrfs or apfs.',
    retriable: false,
  },
  'bad-checkpoint': {
    meaning: 'The checkpoint object of a partition cannot be read.',
    fix: 'Restore it from a backup or an older version; removing it makes the partition start at the offset of its consumer group.',
    retriable: false,
  },
  'store-failed': {
    meaning: 'The folder that is the store failed a read, write or sync.',
    fix: 'Check free space, rights and the device; the call is repeated until it succeeds.',
    retriable: true,
  },
  'bad-json': {
    meaning: 'The value of a record is not a JSON document.',
    fix: 'Correct the producer, choose format: text, or tolerate such records with errors.tolerance: all.',
    retriable: false,
  },
  'bad-text': {
    meaning: 'A value cannot be a line of text: it has a line break, and text.newlines is fail.',
    fix: 'Set text.newlines to keep or space, or tolerate such records with errors.tolerance: all.',
    retriable: false,
  },
  'null-value': {
    meaning: 'A record has no value, and behavior.on.null.values is fail.',
    fix: 'Set behavior.on.null.values to ignore or write.',
    retriable: false,
  },
  'no-route': {
    meaning: 'A record lacks the field that says where it belongs.',
    fix: 'Correct the producer or partition.field.name and timestamp.field, or tolerate such records with errors.tolerance: all.',
    retriable: false,
  },
});
