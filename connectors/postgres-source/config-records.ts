/** Settings: the names of topics, and how rows and their values become records. */

import { field } from '../../config/fields/kinds.ts';

const group = { topics: 'Topics', records: 'Records', values: 'Values' } as const;

const json = 'org.apache.kafka.connect.json.JsonConverter';
const simple = 'org.apache.kafka.connect.storage.SimpleHeaderConverter';

export function topicFields() {
  return {
    'topic.prefix': field.string({
      doc: 'The name of this database among others. Each table has the topic `prefix.schema.table`, and `source.name` of records says it too. Without it all records go to `topic`, and its name stands here.',
      importance: 'high',
      aliases: ['database.server.name'],
      group: group.topics,
      example: 'shop',
      check: (text) =>
        /^[A-Za-z0-9._-]{1,150}$/.test(text)
          ? undefined
          : {
              message: 'this cannot begin the name of a topic',
              fix: 'Use letters, digits, dots, underscores and dashes.',
            },
    }),
    topic: field.topic({
      doc: 'The topic for all records, in place of `topic.prefix`. In a pipeline without that it is the pipeline’s name unless given.',
      group: group.topics,
    }),
    'topic.delimiter': field.string({
      doc: 'What stands between the parts of a topic’s name.',
      default: '.',
      importance: 'low',
      group: group.topics,
      check: (text) =>
        /^[._-]+$/.test(text)
          ? undefined
          : { message: 'this cannot stand in the name of a topic', fix: 'Use . _ or -.' },
    }),
    'topic.heartbeat.prefix': field.topic({
      doc: 'Heartbeats go to the topic of this name, a dot, and `topic.prefix`.',
      default: '__debezium-heartbeat',
      importance: 'low',
      group: group.topics,
    }),
    'topic.transaction': field.topic({
      doc: 'Begins and ends of transactions go to the topic `topic.prefix`, a dot, and this name.',
      default: 'transaction',
      importance: 'low',
      group: group.topics,
    }),
    'topic.naming.strategy': field.choice(['io.debezium.schema.SchemaTopicNamingStrategy'], {
      doc: 'How topics are named: `prefix.schema.table`.',
      default: 'io.debezium.schema.SchemaTopicNamingStrategy',
      importance: 'low',
      group: group.topics,
    }),
  };
}

export function recordFields() {
  return {
    format: field.choice(['debezium', 'lean'], {
      doc: '`debezium` writes the envelope of Debezium; `lean` the same facts in a fraction of the bytes.',
      default: 'debezium',
      group: group.records,
    }),
    ...converterFields(),
    'tombstones.on.delete': field.boolean({
      doc: 'A record with a null value after each delete, so that compaction removes all of the key.',
      default: true,
      group: group.records,
    }),
    'provide.transaction.metadata': field.boolean({
      doc: 'Say in each record at which place of its transaction it stands, and write begins and ends to a topic.',
      default: false,
      group: group.records,
    }),
    'include.schema.changes': field.boolean({
      doc: 'Write a record to the topic named `topic.prefix` alone in front of the first row of each shape of a table: what changed, and the table as it is from there on. Once more after each start.',
      default: false,
      group: group.records,
    }),
    'unavailable.value.placeholder': field.string({
      doc: 'Stands for a large value (TOAST) that an update left alone, which the server does not send.',
      default: '__debezium_unavailable_value',
      group: group.records,
    }),
    'unavailable.value.mode': field.choice(['placeholder', 'omit', 'reselect'], {
      doc: 'What such a value becomes: the placeholder, no field at all, or what the table has now, for a question to the database each time. `lean` omits it unless told.',
      importance: 'low',
      group: group.records,
    }),
    'extended.headers.enabled': field.boolean({
      doc: 'Debezium’s headers for OpenLineage.',
      default: false,
      importance: 'low',
      group: group.records,
      noEffect: 'records have no headers about their connector',
    }),
  };
}

function converterFields() {
  const schemas = (which: string) =>
    field.boolean({
      doc: `Put the schema of each ${which} beside it, as Kafka Connect’s JsonConverter does. The lean format has none.`,
      default: true,
      group: group.records,
    });
  const converter = (which: string) =>
    field.choice(['json'], {
      doc: `How ${which} are written: JSON.`,
      default: 'json',
      also: { [json]: 'json', JsonConverter: 'json' },
      importance: 'low',
      group: group.records,
    });
  return {
    'key.converter': converter('keys'),
    'value.converter': converter('values'),
    'header.converter': field.choice(['simple', 'json'], {
      doc: 'How headers that hold a key are written (`__debezium.newkey`): `simple` as JSON of the key alone, as Kafka Connect does unless told otherwise; `json` as its JsonConverter.',
      default: 'simple',
      also: { [json]: 'json', JsonConverter: 'json', [simple]: 'simple', SimpleHeaderConverter: 'simple' },
      importance: 'low',
      group: group.records,
    }),
    'header.converter.schemas.enable': schemas('header'),
    'key.converter.schemas.enable': schemas('key'),
    'value.converter.schemas.enable': schemas('value'),
  };
}

export function valueFields() {
  return {
    'decimal.handling.mode': field.choice(['precise', 'double', 'string'], {
      doc: 'How `numeric` and `money` are written: bytes with a scale, a double, or text. `lean` writes text unless told.',
      group: group.values,
    }),
    'time.precision.mode': field.choice(
      ['adaptive', 'adaptive_time_microseconds', 'connect', 'isostring', 'microseconds', 'nanoseconds', 'structured'],
      { doc: 'How dates and times are written; `adaptive` keeps what the column can hold.', group: group.values },
    ),
    'interval.handling.mode': field.choice(['numeric', 'string'], {
      doc: 'How `interval` is written: approximate microseconds, or ISO 8601 text.',
      group: group.values,
    }),
    'hstore.handling.mode': field.choice(['json', 'map'], {
      doc: 'How `hstore` is written: a text of JSON, or a map.',
      group: group.values,
    }),
    'binary.handling.mode': field.choice(['bytes', 'base64', 'base64-url-safe', 'hex'], {
      doc: 'How `bytea` is written: bytes (base64 in JSON), or one of three texts.',
      group: group.values,
    }),
    'money.fraction.digits': field.int({
      doc: 'Digits after the point of `money`.',
      default: 2,
      min: 0,
      max: 10,
      group: group.values,
    }),
    'include.unknown.datatypes': field.boolean({
      doc: 'Write values of types without a representation as the bytes of their text, instead of leaving their columns out.',
      default: false,
      group: group.values,
    }),
    'unrepresentable.handling.mode': field.choice(['fail', 'null', 'string'], {
      doc: 'What happens to a value its representation cannot hold, such as an infinite date as microseconds: the task fails, it becomes null, or its text where a text can stand.',
      default: 'fail',
      group: group.values,
    }),
    'schema.name.adjustment.mode': unadjusted('schemas'),
    'field.name.adjustment.mode': unadjusted('fields'),
  };
}

/** JSON needs no adjustment; Avro, which does, is not written. */
function unadjusted(which: string) {
  return field.choice(['none'], {
    doc: `How names of ${which} are changed for Avro: they are not.`,
    default: 'none',
    importance: 'low',
    group: group.values,
  });
}
