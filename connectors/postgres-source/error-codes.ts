/** The error codes of the Postgres source: connections, slots, publications and the replication stream. */

import { defineErrors } from '../../core/base/errors.ts';

export const postgresErrors = defineErrors('postgres', {
  unreachable: {
    meaning: 'The server could not be reached, or a connection to it was lost. It is tried again by itself.',
    fix: 'Check that the server runs, and that database.hostname and database.port lead to it from here.',
    retriable: true,
  },
  refused: {
    meaning: 'The server does not let this user in, or does not let it do what is needed.',
    fix: 'Correct database.user and database.password, and give the role the rights that the message names.',
    retriable: false,
  },
  setting: {
    meaning: 'The server is set up in a way that change data capture cannot work with.',
    fix: 'Change the setting of the server that the message names.',
    retriable: false,
  },
  'slot-busy': {
    meaning: 'Another connection reads from the replication slot.',
    fix: 'Stop the other reader, or give this connector a slot of its own with slot.name.',
    retriable: true,
  },
  'slot-lost': {
    meaning: 'The replication slot is gone, or no longer has the changes behind what was read: changes are missing.',
    fix: 'Start anew with a snapshot: delete the offsets of the connector, or use snapshot.mode: when_needed.',
    retriable: false,
  },
  'other-server': {
    meaning:
      'The server is not the one the stored position belongs to: another system, a restored copy, or a standby that was promoted without all that was taken.',
    fix: 'Point the connector at the old server, or delete its offsets to start anew with a snapshot.',
    retriable: false,
  },
  publication: {
    meaning: 'The publication is missing, or does not have the tables that are to be captured.',
    fix: 'Create or change the publication as the message says, or let publication.autocreate.mode do it.',
    retriable: false,
  },
  'open-transaction': {
    meaning:
      'A transaction that is still open is in the way: the slot cannot be made, or a table that was added cannot be read.',
    fix: 'End the transaction of the process that the message names; it is tried again by itself.',
    retriable: true,
  },
  'too-many-tables': {
    meaning: 'More tables are captured than guardrail.collections.max allows.',
    fix: 'Capture fewer with table.include.list, or raise guardrail.collections.max.',
    retriable: false,
  },
  'left-behind': {
    meaning: 'The connector was stopped or deleted, and its slot or publication could not be removed from the server.',
    fix: 'Execute the statements that the message names, or the server keeps its log for a slot that nobody reads.',
    retriable: false,
  },
  protocol: {
    meaning: 'The replication stream says something that cannot be understood.',
    fix: 'Restart the connector; if it happens again, report it with the version of the server.',
    retriable: false,
  },
  'too-large': {
    meaning: 'One message of the stream is larger than what is held in memory.',
    fix: 'Leave the column with the large value out, by a column list of the publication or column.exclude.list.',
    retriable: false,
  },
});
