/** Where clients are told to connect, and which listeners others can reach. */

import { hostname } from 'node:os';
import { expect, test } from 'vitest';
import { advertisedAddress, isLoopback } from '../../../core/broker/addresses.ts';

test('clients hear the advertised address, the host name behind a wildcard, else the listener', () => {
  const advertised = { host: 'broker.example', port: 1 };
  expect(advertisedAddress({ host: '0.0.0.0', port: 2 }, advertised)).toEqual(advertised);
  expect(advertisedAddress({ host: '0.0.0.0', port: 2 }, undefined)).toEqual({ host: hostname(), port: 2 });
  expect(advertisedAddress({ host: '127.0.0.1', port: 2 }, undefined)).toEqual({ host: '127.0.0.1', port: 2 });
});

test.each([
  ['127.0.0.1', true],
  ['127.8.8.8', true],
  ['::1', true],
  ['localhost', true],
  ['0.0.0.0', false],
  ['10.0.0.1', false],
  ['127.0.0.1.example', false],
])('%s loops back: %s', (host, expected) => {
  expect(isLoopback(host)).toBe(expected);
});
