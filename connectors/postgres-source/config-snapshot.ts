/** Settings: when tables are read as a whole, and how. */

import { field } from '../../config/fields/kinds.ts';
import { patterns } from './config-fields.ts';

const group = 'Snapshots';

export function snapshotFields() {
  return {
    'snapshot.mode': field.choice(
      ['initial', 'initial_only', 'no_data', 'when_needed', 'always', 'configuration_based'],
      {
        doc: 'When captured tables are read as a whole: `initial` once before the first changes, `initial_only` the same without the changes, `no_data` never, `when_needed` also when the changes since the stored position are gone, `always` at every start.',
        default: 'initial',
        importance: 'high',
        also: { never: 'no_data' },
        group,
      },
    ),
    'snapshot.include.collection.list': patterns({
      doc: 'Tables to read, as `schema.table`; all captured tables unless given.',
      group,
    }),
    'snapshot.select.statement.overrides': field.list({
      doc: 'Tables that are read by a statement of yours, as `schema.table`.',
      default: [],
      group,
    }),
    'snapshot.select.statement.overrides.(table)': field.family(
      /^snapshot\.select\.statement\.overrides\..+$/,
      field.string({
        doc: 'The statement for the table, whose result has the table’s columns in any order.',
        group,
        example: 'SELECT * FROM public.orders WHERE NOT deleted',
      }),
    ),
    'snapshot.max.threads': field.int({
      doc: 'The most connections that read tables at a time. Large tables are read by several.',
      default: 1,
      min: 1,
      max: 64,
      group,
    }),
    'snapshot.chunk.bytes': field.bytes({
      doc: 'The size on disk of the parts in which a table is read. A restart reads again only parts that were not finished.',
      default: 2 ** 26,
      min: 2 ** 13,
      importance: 'low',
      group,
    }),
    'snapshot.tables.order.by.row.count': field.choice(['disabled', 'ascending', 'descending'], {
      doc: 'Read small tables first, or large ones, by the server’s estimate; else by their names.',
      default: 'disabled',
      importance: 'low',
      group,
    }),
    'snapshot.moment.max.ms': field.duration({
      doc: 'How long rows are read as of one moment; then a later one follows. While a moment lasts, the server can clean up nothing in the whole database. Rows that are changed between two moments may come twice, as after an interruption.',
      default: 3_600_000,
      min: 1,
      importance: 'low',
      group,
    }),
    'snapshot.delay.ms': field.duration({
      doc: 'How long to wait before the first table is read.',
      default: 0,
      importance: 'low',
      group,
    }),
    'streaming.delay.ms': field.duration({
      doc: 'How long to wait after the last table before changes are read.',
      default: 0,
      importance: 'low',
      group,
    }),
    ...configurationFields(),
    ...signalFields(),
  };
}

function signalFields() {
  const signals = 'Signals';
  return {
    'signal.data.collection': field.string({
      doc: 'A table with the columns `id`, `type` and `data` whose inserts are signals, as `schema.table`. It is published with the captured tables.',
      group: signals,
      example: 'public.debezium_signal',
    }),
    'signal.enabled.channels': field.list({
      doc: 'Where signals come from: `source` is the table, `kafka` the topic. Those over REST always come. Other channels of Debezium are not read.',
      default: ['source'],
      importance: 'low',
      group: signals,
      check: channelsComplaint,
    }),
    'signal.kafka.topic': field.topic({
      doc: 'The topic whose records are signals, with `kafka` among the channels: their key is `topic.prefix`. `topic.prefix`-signal unless given. Made where it is not there; those that were in it before the connector are not for it.',
      importance: 'low',
      group: signals,
    }),
    'incremental.snapshot.chunk.size': field.int({
      doc: 'The most rows that are read at a time beside the stream, and held until the stream has come so far.',
      default: 1024,
      min: 1,
      max: 100_000,
      group: signals,
    }),
  };
}

const channels = ['source', 'kafka', 'file', 'jmx', 'in-process'];

function channelsComplaint(list: readonly string[]) {
  const unknown = list.find((each) => !channels.includes(each));
  if (unknown === undefined) return undefined;
  return { message: `${JSON.stringify(unknown)} is no channel`, fix: `Use some of ${channels.join(', ')}.` };
}

function configurationFields() {
  const flag = (doc: string) => field.boolean({ doc, default: false, importance: 'low', group });
  return {
    'snapshot.mode.configuration.based.snapshot.data': flag('For `configuration_based`: read tables.'),
    'snapshot.mode.configuration.based.start.stream': flag('For `configuration_based`: go on with the changes.'),
    'snapshot.mode.configuration.based.snapshot.on.data.error': flag(
      'For `configuration_based`: read tables when the changes since the stored position are gone.',
    ),
  };
}
