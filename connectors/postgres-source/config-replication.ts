/** Settings: the slot, the publication, and the stream that is read from them. */

import { field } from '../../config/fields/kinds.ts';
import { replicaIdentityComplaint } from './publication/replica-identity.ts';

const group = { slot: 'Slot', publication: 'Publication', stream: 'Stream' } as const;

export function slotFields() {
  return {
    'slot.name': field.string({
      doc: 'The replication slot. It is created where it is not there, and needs a name that no other connector uses.',
      default: 'debezium',
      importance: 'high',
      group: group.slot,
      check: (name) =>
        /^[a-z0-9_]{1,63}$/.test(name)
          ? undefined
          : {
              message: 'this cannot be the name of a slot',
              fix: 'Use 1 to 63 lower-case letters, digits and underscores.',
            },
    }),
    'plugin.name': field.choice(['pgoutput', 'decoderbufs'], {
      doc: 'The output plugin of the slot.',
      default: 'pgoutput',
      importance: 'low',
      group: group.slot,
      noEffect:
        'the slot is read by pgoutput, which every server has; one made for another plugin needs another slot.name',
    }),
    'slot.drop.on.stop': field.boolean({
      doc: 'Remove the slot when somebody stops the connector (`PUT …/stop`) or deletes it; not when it restarts, is paused or moves. What changes until it runs again is lost then, and a start after that needs `snapshot.mode: when_needed`, or its offsets deleted.',
      default: false,
      group: group.slot,
    }),
    'slot.drop.on.delete': field.boolean({
      doc: 'Remove the slot when the connector is deleted, and the publication too where this connector has made it and no other slot of the database is there. A connector is deleted even if the server does not answer; the log has the statements then.',
      default: false,
      group: group.slot,
    }),
    'slot.failover': field.boolean({
      doc: 'Standbys may keep a copy of the slot (PostgreSQL 17 and newer), also of one that is there already.',
      default: false,
      group: group.slot,
    }),
    'slot.two.phase': field.boolean({
      doc: 'Create the slot so that the changes of a prepared transaction come when it is prepared (PostgreSQL 15 and newer). What is rolled back by ROLLBACK PREPARED has been told then, and is not taken back. Otherwise they come once, at COMMIT PREPARED.',
      default: false,
      group: group.slot,
    }),
    'slot.max.retries': field.int({
      doc: 'How often to try again while another connection reads the slot.',
      default: 6,
      min: 0,
      importance: 'low',
      group: group.slot,
    }),
    'slot.retry.delay.ms': field.duration({
      doc: 'The pause between these tries.',
      default: 10_000,
      importance: 'low',
      group: group.slot,
    }),
    'slot.stream.params': field.string({
      doc: 'Further parameters for the plugin, `name=value` divided by semicolons, such as `origin=none`.',
      importance: 'low',
      group: group.slot,
      check: paramsComplaint,
    }),
    'offset.mismatch.strategy': field.choice(['no_validation', 'trust_offset', 'trust_slot', 'trust_greater_lsn'], {
      doc: 'What counts when the stored position and the slot’s differ: `trust_offset` fails where the slot has moved past the position, because changes between are lost; `trust_slot` goes on at the slot; `trust_greater_lsn` at the later of the two; `no_validation` does not look.',
      default: 'trust_offset',
      group: group.slot,
    }),
  };
}

export function publicationFields() {
  return {
    'publication.name': field.string({
      doc: 'The publication that says which changes the server sends.',
      default: 'dbz_publication',
      importance: 'high',
      group: group.publication,
      check: (name) =>
        Buffer.byteLength(name) <= 63 && name !== '' && !name.includes('\0')
          ? undefined
          : { message: 'this cannot be the name of a publication', fix: 'Use 1 to 63 bytes.' },
    }),
    'publication.autocreate.mode': field.choice(['filtered', 'all_tables', 'disabled', 'no_tables'], {
      doc: 'How the publication comes to be: `filtered` creates it for the captured tables and adds and removes tables later, `all_tables` creates it for every table (needs a superuser), `no_tables` for none, `disabled` leaves it to you. One that is there for all tables is used as it is. Debezium’s own default is `all_tables`, which makes updates fail in every table without a primary key.',
      default: 'filtered',
      group: group.publication,
    }),
    'publish.via.partition.root': field.boolean({
      doc: 'Changes of partitions come under the name of the partitioned table, where the connector creates the publication.',
      default: false,
      group: group.publication,
    }),
    'replica.identity.autoset.values': field.list({
      doc: 'Replica identities to give to captured tables: `schema.table:FULL`, `DEFAULT`, `NOTHING` or `INDEX name`, tables as regular expressions.',
      default: [],
      group: group.publication,
      example: 'public\\.orders:FULL',
      check: replicaIdentityComplaint,
    }),
  };
}

export function streamFields() {
  return {
    'heartbeat.interval.ms': field.duration({
      doc: 'How often a record goes to the heartbeat topic; 0 for never. The slot moves without them.',
      default: 0,
      group: group.stream,
    }),
    'heartbeat.action.query': field.string({
      doc: 'A statement to execute with each heartbeat.',
      importance: 'low',
      group: group.stream,
    }),
    'lsn.flush.mode': field.choice(['connector', 'connector_and_driver', 'manual'], {
      doc: 'Who moves the slot: the connector, once changes are safe in their topics (and past what is not captured), or with `manual` somebody else.',
      default: 'connector',
      importance: 'low',
      group: group.stream,
    }),
    'flush.lsn.source': field.boolean({
      doc: 'False is `lsn.flush.mode: manual`.',
      default: true,
      importance: 'low',
      deprecated: 'Use lsn.flush.mode.',
      group: group.stream,
    }),
    'max.queue.size.in.bytes': field.bytes({
      doc: 'The most bytes of changes held in memory; 0 for 32 MiB.',
      default: 0,
      importance: 'low',
      group: group.stream,
    }),
  };
}

function paramsComplaint(text: string) {
  const parts = text.split(';').filter((each) => each.trim() !== '');
  const isFine = parts.every((each) => /^\s*[A-Za-z_][\w-]*\s*=/.test(each));
  return isFine ? undefined : { message: 'this is not name=value', fix: 'Write name=value;name=value.' };
}
