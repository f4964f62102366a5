/** What a worker says of itself: version, health, numbers. */

import type { FastifyInstance } from 'fastify';
import type { Health } from '../health.ts';

export interface RootServices {
  readonly version: string;
  readonly clusterId: () => Promise<string>;
  readonly health: () => Health;
  /** The exposition text of Prometheus and its content type. */
  readonly metrics: () => Promise<{ readonly contentType: string; readonly text: string }>;
}

export function rootRoutes(app: FastifyInstance, { version, clusterId, health, metrics }: RootServices): void {
  app.get('/', async () => ({ version, commit: 'unknown', kafka_cluster_id: await clusterId() }));

  app.get('/health', async (_, reply) => {
    const now = health();
    return reply.code(now.status === 'healthy' ? 200 : 503).send(now);
  });

  app.get('/metrics', async (_, reply) => {
    const { contentType, text } = await metrics();
    return reply.header('content-type', contentType).send(text);
  });
}
