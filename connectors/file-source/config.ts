/** The settings of the file source. */

import { type ConfigOf, defineConnector } from '../../config/definition.ts';
import { field } from '../../config/fields/kinds.ts';

const group = { files: 'Files', records: 'Records', following: 'Following files' } as const;

const whichFields = {
  paths: field.globs({
    doc: 'Files to read: paths or globs (`*`, `?`, `[a-z]`, `{a,b}`, `**`). A path that exists as it is written is taken literally. Names that begin with a dot need a pattern that begins with one.',
    required: true,
    aliases: ['file'],
    group: group.files,
    example: '/srv/logs/web-*.log',
  }),
  exclude: field.globs({
    doc: 'Files to leave out. A pattern without a slash is compared with the file name alone.',
    default: [],
    group: group.files,
    example: '*.tmp,*.filepart',
  }),
  'start.position': field.choice(['beginning', 'end'], {
    doc: 'Where to start in files that are there when the connector runs for the first time. Files that appear later are always read from their beginning.',
    default: 'beginning',
    group: group.files,
  }),
  decompress: field.boolean({
    doc: 'Read the lines inside gzip files, recognised by their content and not by their name. With false they are read as they are.',
    default: true,
    group: group.files,
  }),
};

const recordFields = {
  mode: field.choice(['line', 'whole'], {
    doc: '`line` makes a record of each line; `whole` makes one record of each file once it has settled, with its path as the key.',
    default: 'line',
    group: group.records,
  }),
  'max.line.bytes': field.bytes({
    doc: 'The most bytes of a line in one record. A longer line becomes several records with `millrace.split.*` headers; nothing of it is dropped.',
    default: 2 ** 20,
    min: 16,
    max: 2 ** 26,
    group: group.records,
  }),
  'max.file.bytes': field.bytes({
    doc: 'The largest file that `whole` mode takes. A larger one is reported and left alone until it changes.',
    default: 2 ** 23,
    min: 1,
    max: 2 ** 28,
    group: group.records,
  }),
  'partial.line.timeout.ms': field.duration({
    doc: 'How long a last line without a newline must have stopped growing before it is taken as it is.',
    default: 5000,
    group: group.records,
  }),
  'settle.ms': field.duration({
    doc: 'How long a file must be unchanged before `whole` mode reads it, and before a file that starts with the bytes of another one is taken for a file of its own.',
    default: 2000,
    group: group.records,
  }),
  'batch.size': field.int({
    doc: 'The most records of one poll; 0 leaves it to the number of bytes.',
    default: 0,
    min: 0,
    importance: 'low',
    group: group.records,
  }),
};

const followingFields = {
  watch: field.choice(['auto', 'never'], {
    doc: 'Whether the operating system is asked to report changes. They are hints that save waiting; scanning finds everything without them.',
    default: 'auto',
    importance: 'low',
    group: group.following,
  }),
  'scan.interval.ms': field.duration({
    doc: 'How often all folders are searched. With very many files the pause grows so that searching stays below a twentieth of one core.',
    default: 5000,
    min: 50,
    group: group.following,
  }),
  'rotated.timeout.ms': field.duration({
    doc: 'How long a file that was renamed out of the patterns or deleted is still followed after its last growth.',
    default: 60_000,
    group: group.following,
  }),
  'deleted.max.bytes': field.bytes({
    doc: 'The most unread bytes kept on disk by holding deleted files open. Past it the oldest are given up and counted as lost; 0 never gives up and warns past 1 GiB.',
    default: 0,
    group: group.following,
  }),
  'open.files.max': field.int({
    doc: 'The most files held open at a time; 0 takes a quarter of what the operating system allows the process, at most 512.',
    default: 0,
    min: 0,
    importance: 'low',
    group: group.following,
  }),
  'read.buffer.bytes': field.bytes({
    doc: 'The bytes read from one file before the next has its turn.',
    default: 2 ** 19,
    min: 4096,
    max: 2 ** 26,
    importance: 'low',
    group: group.following,
  }),
};

export const definition = defineConnector({
  name: 'file',
  aliases: ['FileStreamSource', 'org.apache.kafka.connect.file.FileStreamSourceConnector'],
  kind: 'source',
  title: 'File source',
  summary:
    'Reads lines or whole files from folders of this machine, follows them through every kind of rotation, and reads gzip files through.',
  guarantee:
    'Exactly once, in the order of the file, for readers of committed records: a line and the position behind it are written in one transaction. On a worker without exactly-once sources, lines in flight when the process is killed may come twice.',
  fields: { ...whichFields, ...recordFields, ...followingFields },
});

export type FileSourceConfig = ConfigOf<typeof definition>;
