/** The error codes of core/protocol. */

import { defineErrors } from '../base/errors.ts';

export const protocolErrors = defineErrors('protocol', {
  malformed: {
    meaning: 'Bytes from the other side do not follow the Kafka protocol.',
    fix: 'Check that the other side really speaks the Kafka protocol, without TLS unless TLS is set up here.',
    retriable: false,
  },
  'frame-too-large': {
    meaning: 'A request or response announces more bytes than this side accepts.',
    fix: 'Send less at once, or raise the limit for one request.',
    retriable: false,
  },
  'unsupported-version': {
    meaning: 'A message was asked for in a version that is not spoken here.',
    fix: 'Use a version both sides have, as ApiVersions tells.',
    retriable: false,
  },
  unencodable: {
    meaning: 'A value cannot be written in the chosen version of a message.',
    fix: 'Leave the field out, keep it within its range, or use a newer version.',
    retriable: false,
  },
  'corrupt-batch': {
    meaning: 'A record batch is damaged: its checksum, lengths or counts do not fit its bytes.',
    fix: 'Read it again from another copy; when it is damaged on disk, restore that segment.',
    retriable: false,
  },
  'decompressed-too-large': {
    meaning: 'Compressed data would grow beyond the limit for one batch.',
    fix: 'Send smaller batches, or raise the limit for decompressed batches.',
    retriable: false,
  },
});
