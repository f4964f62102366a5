/** Usual ports are taken where they are free, others where they are not. */

import { once } from 'node:events';
import { createServer } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { portNear } from '../../demo/ports.ts';
import { freePort } from '../free-port.ts';

test('the usual port, or another one that is free', async () => {
  const usual = await freePort();
  expect(await portNear(usual)).toBe(usual);
  const server = createServer().listen(usual, '127.0.0.1');
  onTestFinished(() => void server.close());
  await once(server, 'listening');
  const other = await portNear(usual);
  expect(other).toBeGreaterThan(0);
  expect(other).not.toBe(usual);
});
