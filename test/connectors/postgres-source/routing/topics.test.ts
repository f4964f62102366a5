/** The names of topics. */

import { expect, test } from 'vitest';
import {
  heartbeatTopic,
  messageTopic,
  schemaChangeTopic,
  tableTopic,
  topicNaming,
  transactionTopic,
} from '../../../../connectors/postgres-source/routing/topics.ts';

test('Debezium’s names, with underscores for what Kafka refuses', () => {
  const naming = topicNaming('shop');
  expect(tableTopic(naming, 'public', 'order items')).toBe('shop.public.order_items');
  expect(heartbeatTopic(naming)).toBe('__debezium-heartbeat.shop');
  expect(transactionTopic(naming)).toBe('shop.transaction');
  expect(messageTopic(naming)).toBe('shop.message');
  expect(schemaChangeTopic(naming)).toBe('shop');
});

test('settings change the parts', () => {
  const naming = topicNaming('shop', { delimiter: '-', heartbeatPrefix: 'beat', transaction: 'tx' });
  expect(tableTopic(naming, 'public', 'orders')).toBe('shop-public-orders');
  expect(heartbeatTopic(naming)).toBe('beat-shop');
  expect(transactionTopic(naming)).toBe('shop-tx');
});
