/** /connectors/{name}/offsets: how far a connector is, and how to move it. */

import type { FastifyInstance } from 'fastify';
import type { ConnectorOffsets, OffsetEntry } from '../herder/connector-offsets.ts';
import type { Herder } from '../herder/herder.ts';
import { existing, type NamedRoute } from './connectors.ts';
import { bad, readObject } from './read-body.ts';

export function offsetRoutes(app: FastifyInstance, herder: Herder, offsets: ConnectorOffsets): void {
  app.get<NamedRoute>('/connectors/:name/offsets', async ({ params }) => {
    existing(herder, params.name);
    return { offsets: await offsets.read(params.name) };
  });

  app.patch<NamedRoute>('/connectors/:name/offsets', async ({ params, body }) => {
    existing(herder, params.name);
    await offsets.alter(params.name, readOffsets(body));
    return { message: 'The offsets for this connector have been altered successfully' };
  });

  app.delete<NamedRoute>('/connectors/:name/offsets', async ({ params }) => {
    existing(herder, params.name);
    await offsets.reset(params.name);
    return { message: 'The offsets for this connector have been reset successfully' };
  });
}

function readOffsets(body: unknown): OffsetEntry[] {
  const { offsets } = readObject(body, 'the body', ['offsets']);
  if (!Array.isArray(offsets) || offsets.length === 0) throw bad('offsets must be a list with at least one entry');
  return offsets.map((entry) => {
    const { partition, offset } = readObject(entry, 'an entry of offsets', ['partition', 'offset']);
    const isReset = offset === null || offset === undefined;
    return {
      partition: readObject(partition, 'partition') as OffsetEntry['partition'],
      offset: isReset ? null : (readObject(offset, 'offset') as OffsetEntry['offset']),
    };
  });
}
