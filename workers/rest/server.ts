/** The REST server: Kafka Connect's interface and our extensions of it. */

import fastify, { type FastifyInstance } from 'fastify';
import { messageOf } from '../../core/base/errors.ts';
import type { Logger } from '../../core/base/logger.ts';
import { workerErrors } from '../error-codes.ts';
import type { ConnectorOffsets } from '../herder/connector-offsets.ts';
import type { ConnectorSignals } from '../herder/connector-signals.ts';
import type { Herder } from '../herder/herder.ts';
import { answerErrors } from './answer-errors.ts';
import { connectorRoutes, type ProgressOf } from './connectors.ts';
import type { LoadConnector } from './examined.ts';
import { offsetRoutes } from './offsets.ts';
import { pluginRoutes } from './plugins.ts';
import { bad } from './read-body.ts';
import { type RootServices, rootRoutes } from './root.ts';
import { signalRoutes } from './signals.ts';
import { taskRoutes } from './tasks.ts';

export interface RestServices extends RootServices {
  readonly herder: Herder;
  readonly offsets: ConnectorOffsets;
  readonly signals: ConnectorSignals;
  readonly progress: ProgressOf;
  readonly logger: Logger;
  readonly loadConnector: LoadConnector;
}

export interface RestServer {
  readonly host: string;
  readonly port: number;
  /** Answers what is under way, then closes. */
  close(): Promise<void>;
}

/** The largest request body: a configuration with a few certificates fits. */
const bodyLimitBytes = 1024 * 1024;
/** Of one request, from its first byte to its answer; Kafka Connect's own bound. */
const requestTimeoutMs = 90_000;

/** Throws `worker/rest-listen` when the address cannot be used. */
export async function startRest(
  listen: { readonly host: string; readonly port: number },
  services: RestServices,
): Promise<RestServer> {
  const app = fastify({ bodyLimit: bodyLimitBytes, requestTimeout: requestTimeoutMs, forceCloseConnections: true });
  readJsonBodies(app);
  answerErrors(app, services.logger);
  rootRoutes(app, services);
  connectorRoutes(app, services.herder, services.progress);
  taskRoutes(app, services.herder);
  offsetRoutes(app, services.herder, services.offsets);
  signalRoutes(app, services.herder, services.signals);
  const { version, loadConnector } = services;
  pluginRoutes(app, { catalogue: services.herder.catalogue, version, loadConnector });
  try {
    await app.listen({ host: listen.host, port: listen.port });
  } catch (cause) {
    const where = `${listen.host}:${listen.port}`;
    throw workerErrors.error('rest-listen', { message: messageOf(cause), where, cause });
  }
  const address = app.server.address();
  const port = address !== null && typeof address === 'object' ? address.port : listen.port;
  return { host: listen.host, port, close: () => app.close() };
}

/** An empty body is fine where none is needed (pause, resume, restart), whatever its declared type. */
function readJsonBodies(app: FastifyInstance): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('application/json', { parseAs: 'string' }, (_, body, done) => {
    if (body === '') return done(null, undefined);
    try {
      done(null, JSON.parse(body as string));
    } catch (error) {
      done(bad(`the body is not JSON: ${messageOf(error)}`));
    }
  });
}
