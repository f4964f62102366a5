/** Configurations written for Debezium start as they are; what cannot be is said with its reason. */

import { describe, expect, expectTypeOf, test } from 'vitest';
import { Secret } from '../../../config/index.ts';
import { definition, type PostgresSourceConfig } from '../../../connectors/postgres-source/config.ts';
import { addressOf } from '../../../connectors/postgres-source/database-address.ts';

const java = 'io.debezium.connector.postgresql.PostgresConnector';
const minimal = {
  name: 'orders',
  'connector.class': 'postgres',
  'database.url': 'postgres://cdc:s%40crt@db.internal/shop',
  'topic.prefix': 'shop',
};

function problemsOf(settings: Record<string, string>): string[] {
  const result = definition.parse(settings, { isFromUser: true });
  const problems = 'problems' in result ? result.problems : result.warnings;
  return problems.map(({ code, path, message }) => `${code.replace('config/', '')} ${path}: ${message}`);
}

describe('configurations for Debezium', () => {
  /** The example of its reference, the one of its tutorial, and two with everything that is often set. */
  const configurations: Record<string, Record<string, string>> = {
    'the example of the reference': {
      name: 'fulfillment-connector',
      'connector.class': java,
      'database.hostname': '192.168.99.100',
      'database.port': '5432',
      'database.user': 'postgres',
      'database.password': 'postgres',
      'database.dbname': 'postgres',
      'topic.prefix': 'fulfillment',
      'table.include.list': 'public.inventory',
    },
    'the tutorial': {
      name: 'inventory-connector',
      'connector.class': java,
      'tasks.max': '1',
      'database.hostname': 'postgres',
      'database.port': '5432',
      'database.user': 'postgres',
      'database.password': 'postgres',
      'database.dbname': 'postgres',
      'topic.prefix': 'dbserver1',
      'schema.include.list': 'inventory',
    },
    'plain JSON for a warehouse': {
      name: 'cdc',
      'connector.class': java,
      'plugin.name': 'pgoutput',
      'slot.name': 'cdc_slot',
      'publication.name': 'cdc_publication',
      'publication.autocreate.mode': 'filtered',
      'database.hostname': 'db',
      'database.user': 'cdc',
      'database.password': 'p',
      'database.dbname': 'app',
      'database.sslmode': 'require',
      'topic.prefix': 'app',
      'table.include.list': 'public.orders,public\\.customer\\-.*',
      'column.exclude.list': 'public.orders.note',
      'column.mask.hash.SHA-256.with.salt.CzQMA0cB5K': 'public.customers.email',
      'column.truncate.to.20.chars': 'public.orders.comment',
      'column.mask.with.0.chars': 'public.customers.phone',
      'key.converter': 'org.apache.kafka.connect.json.JsonConverter',
      'key.converter.schemas.enable': 'false',
      'value.converter': 'org.apache.kafka.connect.json.JsonConverter',
      'value.converter.schemas.enable': 'false',
      'snapshot.mode': 'initial',
      'decimal.handling.mode': 'string',
      'time.precision.mode': 'connect',
      'heartbeat.interval.ms': '10000',
      'heartbeat.action.query': 'INSERT INTO heartbeat (ts) VALUES (now())',
      'tombstones.on.delete': 'false',
      'message.key.columns': 'public.orders:id;public.(.*)_log:day,seq',
      'replica.identity.autoset.values': 'public.orders:FULL,public.log:INDEX log_key,public.t.*:NOTHING',
      'provide.transaction.metadata': 'true',
      'snapshot.select.statement.overrides': 'public.orders',
      'snapshot.select.statement.overrides.public.orders': 'SELECT * FROM public.orders WHERE NOT deleted',
      'errors.tolerance': 'none',
    },
  };

  test.each(Object.entries(configurations))('%s starts as it is', (_name, settings) => {
    expect(problemsOf(settings)).toEqual([]);
  });

  test('settings without effect start with a warning', () => {
    const settings = {
      ...minimal,
      'plugin.name': 'decoderbufs',
      'max.batch.size': '20480',
      'max.queue.size': '81290',
      'poll.interval.ms': '100',
      'snapshot.locking.mode': 'none',
      'snapshot.fetch.size': '1000',
      'schema.refresh.mode': 'columns_diff_exclude_unchanged_toast',
      'extended.headers.enabled': 'true',
      'incremental.snapshot.watermarking.strategy': 'insert_delete',
      'read.only': 'true',
      'database.tcpKeepAlive': 'true',
    };
    const result = definition.parse(settings, { isFromUser: true });
    expect('warnings' in result && result.warnings.map(({ path }) => path).sort()).toEqual(
      Object.keys(settings)
        .filter((key) => !(key in minimal))
        .sort(),
    );
  });

  test('Debezium’s defaults are ours, but for those named here', () => {
    const result = definition.parse(minimal);
    expect(result).toMatchObject({
      warnings: [],
      config: {
        'slot.name': 'debezium',
        'publication.name': 'dbz_publication',
        'plugin.name': 'pgoutput',
        'snapshot.mode': 'initial',
        'skipped.operations': ['t'],
        'tombstones.on.delete': true,
        'key.converter.schemas.enable': true,
        'topic.heartbeat.prefix': '__debezium-heartbeat',
        'unavailable.value.placeholder': '__debezium_unavailable_value',
        // Debezium: all_tables, no_validation.
        'publication.autocreate.mode': 'filtered',
        'offset.mismatch.strategy': 'trust_offset',
      },
    });
  });
});

describe('what is refused', () => {
  test.each([
    [
      { 'snapshot.mode': 'custom', 'snapshot.mode.custom.name': 'mine' },
      ['unsupported-key snapshot.mode.custom.name', 'bad-value snapshot.mode'],
    ],
    [{ 'value.converter': 'io.confluent.connect.avro.AvroConverter' }, ['bad-value value.converter']],
    [{ 'schema.name.adjustment.mode': 'avro' }, ['bad-value schema.name.adjustment.mode']],
    [{ 'table.include.list': 'a.b', 'table.exclude.list': 'c.d' }, ['conflict table.exclude.list']],
    [{ 'table.include.list': 'public.(orders' }, ['bad-value table.include.list']],
    [{ 'column.mask.with.3.chars': 'a.b.[' }, ['bad-value column.mask.with.3.chars']],
    [{ 'column.mask.with.x.chars': 'a.b.c' }, ['unknown-key column.mask.with.x.chars']],
    [{ 'replica.identity.autoset.values': 'public.orders:SOME' }, ['bad-value replica.identity.autoset.values']],
    [{ 'message.key.columns': 'public.orders' }, ['bad-value message.key.columns']],
    [{ 'skipped.operations': 'c,x' }, ['bad-value skipped.operations']],
    [{ 'slot.name': 'My-Slot' }, ['bad-value slot.name']],
    [{ 'signal.enabled.channels': 'source,pigeon' }, ['bad-value signal.enabled.channels']],
    [{ 'signal.file': 'signals' }, ['unsupported-key signal.file']],
    [{ 'database.initial.statements': 'SET x = 1' }, ['unsupported-key database.initial.statements']],
    [{ 'slot.stream.params': 'origin' }, ['bad-value slot.stream.params']],
    [{ topic: 'shop' }, ['conflict topic']],
  ] as [Record<string, string>, string[]][])('%j', (settings, expected) => {
    expect(problemsOf({ ...minimal, ...settings }).map((each) => each.split(':')[0])).toEqual(expected);
  });

  test('a database that nobody can find, and records without topic', () => {
    expect(problemsOf({ name: 'a', 'connector.class': 'postgres' })).toEqual([
      'conflict database.hostname: nobody knows where to connect',
      'conflict database.user: nobody knows where to connect',
      'conflict database.dbname: nobody knows where to connect',
      'conflict topic.prefix: records have no topic to go to',
    ]);
  });
});

describe('the address', () => {
  const address = (settings: Record<string, string>) => addressOf(definition.require({ ...minimal, ...settings }));

  test('comes from one text', () => {
    const found = address({
      'database.url':
        'postgresql://us%2Fer:p%40ss%3Aword@[::1]:5433/my%20db?sslmode=verify-full&sslrootcert=/etc/ca.pem',
    });
    expect(found).toMatchObject({
      host: '::1',
      port: 5433,
      user: 'us/er',
      database: 'my db',
      sslMode: 'verify-full',
      sslRootCertificate: '/etc/ca.pem',
    });
    expect(found.password?.reveal()).toBe('p@ss:word');
  });

  test('has defaults, and settings beside it count more', () => {
    expect(address({ 'database.url': 'postgres://shop@db' })).toMatchObject({
      port: 5432,
      database: 'shop',
      password: undefined,
      sslMode: 'prefer',
    });
    const found = address({ 'database.hostname': 'other', 'database.password': 'x', 'database.sslmode': 'disable' });
    expect(found).toMatchObject({ host: 'other', user: 'cdc', database: 'shop', sslMode: 'disable' });
    expect(found.password).toBeInstanceOf(Secret);
    expect(found.password?.reveal()).toBe('x');
  });

  test.each([
    ['shop', 'this is not an address'],
    ['mysql://db/shop', 'the address does not start with postgres:'],
    ['postgres://a:%zz@db/shop', 'the address has a % that encodes nothing'],
    ['postgres://db/shop?sslmode=maybe', 'the address has an unknown sslmode'],
    ['postgres://db/shop?prepareThreshold=0', 'the address has the parameter "prepareThreshold", which nothing reads'],
  ])('%s is none', (url, message) => {
    expect(problemsOf({ ...minimal, 'database.url': url })).toEqual([`bad-value database.url: ${message}`]);
  });

  test('is never shown', () => {
    const shown = JSON.stringify(definition.parse({ ...minimal, 'database.url': 'postgres://cdc:s3cr3t@db/shop?x=y' }));
    expect(shown).not.toContain('s3cr3t');
  });
});

test('the configuration has its types, also where it has a shared setting of its own', () => {
  expectTypeOf<PostgresSourceConfig['topic']>().toEqualTypeOf<string | undefined>();
  expectTypeOf<PostgresSourceConfig['key.converter']>().toEqualTypeOf<'json'>();
  expectTypeOf<PostgresSourceConfig['tasks.max']>().toEqualTypeOf<number>();
  expectTypeOf<PostgresSourceConfig['column.mask.with.(n).chars']>().toEqualTypeOf<
    Readonly<Record<string, readonly string[]>>
  >();
});

test('signals come from a topic where it is among the channels, with the prefix as their key', () => {
  const topicOf = (more: Record<string, string>) => definition.signalTopic(definition.require({ ...minimal, ...more }));
  expect(topicOf({})).toBeUndefined();
  expect(topicOf({ 'signal.enabled.channels': 'source,kafka' })).toEqual({ topic: 'shop-signal', key: 'shop' });
  expect(topicOf({ 'signal.enabled.channels': 'kafka', 'signal.kafka.topic': 'orders-please' })).toEqual({
    topic: 'orders-please',
    key: 'shop',
  });
});

test('every setting is described in sentences', () => {
  for (const [key, field] of Object.entries(definition.fields)) {
    expect([key, field.doc]).toEqual([key, expect.stringMatching(/^[A-Z`].*\.$/s)]);
  }
});
