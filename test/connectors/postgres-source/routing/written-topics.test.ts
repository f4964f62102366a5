/** Where records will go, told from the settings alone: the same as where they go. */

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { subscriptionTo, writesTo } from '../../../../config/source-topics.ts';
import { definition } from '../../../../connectors/postgres-source/config.ts';
import { configuredNaming } from '../../../../connectors/postgres-source/routing/configured-naming.ts';
import { messageTopic, tableTopic } from '../../../../connectors/postgres-source/routing/topics.ts';

const minimal = { name: 'a', 'connector.class': 'postgres', 'database.url': 'postgres://u:p@h/d' };
const configOf = (settings: Record<string, string>) => definition.require({ ...minimal, ...settings });
const topicsOf = (settings: Record<string, string>) => definition.topics(configOf(settings));

test('every topic of a table or of messages is subscribed to, and heartbeats are not', () => {
  const name = fc.string({ minLength: 1, maxLength: 20 });
  const prefix = fc.stringMatching(/^[A-Za-z0-9._-]{1,10}$/);
  const delimiter = fc.constantFrom('.', '-', '__');
  fc.assert(
    fc.property(prefix, delimiter, name, name, (prefixText, delimiterText, schema, table) => {
      const settings = { 'topic.prefix': prefixText, 'topic.delimiter': delimiterText };
      const topics = topicsOf(settings);
      const naming = configuredNaming(configOf(settings));
      expect(writesTo(topics, tableTopic(naming, schema, table))).toBe(true);
      expect(writesTo(topics, messageTopic(naming))).toBe(true);
      const pattern = new RegExp(`^(?:${subscriptionTo(topics)?.['topics.regex']})$`, 'u');
      expect(pattern.test(tableTopic(naming, schema, table))).toBe(true);
      for (const aside of topics.aside) expect(pattern.test(aside)).toBe(false);
    }),
  );
});

test('one topic takes all without a prefix', () => {
  expect(subscriptionTo(topicsOf({ topic: 'shop' }))).toEqual({ topics: 'shop' });
  expect(topicsOf({ topic: 'shop', 'heartbeat.interval.ms': '1000' })).toMatchObject({ names: ['shop'], families: [] });
});

test('dots of a prefix are dots, and neighbours stay out', () => {
  const topics = topicsOf({ 'topic.prefix': 'eu.shop' });
  expect(topics.families).toEqual([
    { pattern: 'eu\\.shop\\..+\\..+|eu\\.shop\\.message', shown: 'eu.shop.SCHEMA.TABLE' },
  ]);
  expect(writesTo(topics, 'euxshop.public.orders')).toBe(false);
  expect(writesTo(topics, 'eu.shop.transaction')).toBe(false);
  expect(writesTo(topics, 'eu.shop')).toBe(false);
});

test('topics about the source itself are its own where they are asked for', () => {
  const asked = { 'provide.transaction.metadata': 'true', 'include.schema.changes': 'true' };
  expect(topicsOf({ 'topic.prefix': 'shop', ...asked }).aside).toEqual([
    '__debezium-heartbeat.shop',
    'shop.transaction',
    'shop',
  ]);
});

const outbox = { 'outbox.table.include.list': 'public\\.outbox' };

test('an outbox beside other tables has topics beside theirs', () => {
  const beside = topicsOf({ 'topic.prefix': 'shop', ...outbox });
  expect(beside.families.map(({ shown }) => shown)).toEqual(['shop.SCHEMA.TABLE', 'outbox.event.AGGREGATETYPE']);
  expect(writesTo(beside, 'outbox.event.order')).toBe(true);
  expect(topicsOf({ topic: 'shop', ...outbox }).names).toEqual(['shop']);
  expect(subscriptionTo(topicsOf({ topic: 'shop', ...outbox }))).toEqual({
    'topics.regex': 'shop|outbox\\.event\\..*',
  });
});

test('where all captured tables are outboxes, there is no other topic', () => {
  const alone = { ...outbox, 'table.include.list': 'public\\.outbox' };
  expect(topicsOf({ topic: 'shop', ...alone })).toMatchObject({
    names: [],
    families: [{ pattern: 'outbox\\.event\\..*', shown: 'outbox.event.AGGREGATETYPE' }],
  });
  const router = { transforms: 'o', 'transforms.o.type': 'io.debezium.transforms.outbox.EventRouter' };
  expect(topicsOf({ 'topic.prefix': 'shop', ...router }).families).toHaveLength(1);
  const settings = { 'outbox.route.topic.replacement': 'app-$1-events', 'outbox.route.by.field': 'kind' };
  expect(topicsOf({ topic: 'shop', ...alone, ...settings, 'outbox.route.topic.regex': '(.*)' }).families).toEqual([
    { pattern: 'app-.*-events', shown: 'app-KIND-events' },
  ]);
});

test('topics whose names are values and nothing else cannot be told from others', () => {
  const anything = { 'outbox.route.topic.replacement': `$\{routedByValue}` };
  expect(subscriptionTo(topicsOf({ topic: 'shop', ...outbox, ...anything }))).toBeUndefined();
});
