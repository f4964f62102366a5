/** POST /connectors/{name}/signals: requests to a source while it runs, in the form of Debezium's signals. */

import { randomUUID } from 'node:crypto';
import type { FastifyInstance } from 'fastify';
import type { ConnectorSignals, Signal } from '../herder/connector-signals.ts';
import type { Herder } from '../herder/herder.ts';
import { existing, type NamedRoute } from './connectors.ts';
import { bad, readObject } from './read-body.ts';

export function signalRoutes(app: FastifyInstance, herder: Herder, signals: ConnectorSignals): void {
  app.post<NamedRoute>('/connectors/:name/signals', async ({ params, body }, reply) => {
    existing(herder, params.name);
    const signal = readSignal(body);
    await signals.send(params.name, signal);
    return reply.code(202).send({ id: signal.id, type: signal.type });
  });
}

/** `{"type"[, "id"][, "data"]}`; data as an object, or as the text of one as the signal table has it. */
function readSignal(body: unknown): Signal {
  const { id = randomUUID(), type, data = null } = readObject(body, 'the body', ['id', 'type', 'data']);
  if (typeof id !== 'string') throw bad('id must be a text');
  if (typeof type !== 'string' || type === '') throw bad('type must be a text');
  return {
    id,
    type,
    data: data === null || typeof data === 'string' ? data : JSON.stringify(readObject(data, 'data')),
  };
}
