/** The error codes of core/client. */

import { defineErrors } from '../base/errors.ts';

export const clientErrors = defineErrors('client', {
  unreachable: {
    meaning: 'No broker could be reached within the time allowed.',
    fix: 'Check bootstrap.servers, that the brokers run, and that this host may connect to the addresses they advertise.',
    retriable: true,
  },
  disconnected: {
    meaning: 'The connection to a broker broke before the answer came.',
    fix: 'Nothing to do when it happens once; the client reconnects. If it repeats, look at the log of the broker.',
    retriable: true,
  },
  timeout: {
    meaning: 'A broker did not answer within the request timeout.',
    fix: 'Look at the load and the disk of the broker, or raise the request timeout.',
    retriable: true,
  },
  closed: {
    meaning: 'The client was closed while the call was waiting, or before it was made.',
    fix: 'Do not use a client after closing it.',
    retriable: false,
  },
  malformed: {
    meaning: 'A broker sent an answer that does not follow the protocol.',
    fix: 'Check that the address belongs to a Kafka listener without TLS, and that nothing between changes the traffic.',
    retriable: true,
  },
  unsupported: {
    meaning: 'The broker offers no version of a request that this client speaks.',
    fix: 'Use a broker of version 2.1 or later.',
    retriable: false,
  },
  'unknown-topic': {
    meaning: 'The topic or partition does not exist, or may not be seen.',
    fix: 'Create the topic, or correct its name.',
    retriable: true,
  },
  refused: {
    meaning: 'A broker refused the request for a reason that does not pass by itself.',
    fix: "Look up the error's name in the documentation of the broker.",
    retriable: false,
  },
  'too-large': {
    meaning: 'A batch is larger than the topic or the broker allows.',
    fix: 'Raise max.message.bytes of the topic, or make the records smaller than it.',
    retriable: false,
  },
  'delivery-timeout': {
    meaning: 'A batch was not acknowledged within the delivery timeout; it may or may not be in the topic.',
    fix: 'Look at the brokers. Go on from the last stored position; the records after it are sent again.',
    retriable: true,
  },
  'not-sent': {
    meaning:
      'A batch was given up because one before it in the same partition failed; sending it would break the order.',
    fix: 'See the failure of the batch before it, then go on from the last stored position.',
    retriable: true,
  },
  'sequence-lost': {
    meaning: 'The broker no longer knows where this producer stood, so that sending again could store records twice.',
    fix: 'Check whether the broker lost data, then start again from the last stored position.',
    retriable: false,
  },
  'transaction-aborted': {
    meaning: 'The transaction cannot be committed: a part of it failed, or its coordinator has ended it.',
    fix: 'Nothing of it is seen by readers of committed records. Go on from the last committed position.',
    retriable: true,
  },
  fenced: {
    meaning: 'Another producer took over the identity of this one.',
    fix: 'Let only one instance run; this one must stop.',
    retriable: false,
  },
  'offset-out-of-range': {
    meaning: 'The offset to read from is not in the partition any more, or not yet.',
    fix: 'Records may have been deleted by retention before they were read: choose a new position, or a reset policy.',
    retriable: false,
  },
  corrupt: {
    meaning: 'A fetched batch does not match its checksum or structure.',
    fix: 'If it repeats at the same offset, the log of the broker is damaged there; check its disk.',
    retriable: true,
  },
  'group-fenced': {
    meaning: 'The group has moved on: this member may no longer commit for these partitions.',
    fix: 'Nothing to do: the new owner goes on from the last committed offset.',
    retriable: false,
  },
  coordination: {
    meaning: 'An administrative or group request failed.',
    fix: "Look up the error's name in the documentation of the broker.",
    retriable: false,
  },
});
