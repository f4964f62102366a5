/** Every failure as Kafka Connect answers it: `{"error_code", "message"}` under the same HTTP status. */

import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { MillraceError, messageOf } from '../../core/base/errors.ts';
import type { Logger } from '../../core/base/logger.ts';

const statusOfCode: Readonly<Record<string, number>> = {
  'worker/bad-request': 400,
  'worker/invalid-connector': 400,
  'worker/unknown-connector-class': 400,
  'worker/connector-not-stopped': 400,
  'worker/connector-missing': 404,
  'worker/task-missing': 404,
  'worker/no-status': 404,
  'worker/unknown-plugin': 404,
  'worker/connector-exists': 409,
};

const reasonOfStatus: Readonly<Record<number, string>> = {
  404: 'Not Found',
  405: 'Method Not Allowed',
  413: 'Request Entity Too Large',
  415: 'Unsupported Media Type',
};

/** Set as the server's handlers for errors and for what no route takes. */
export function answerErrors(app: FastifyInstance, logger: Logger): void {
  const routes: { readonly method: string; readonly path: RegExp }[] = [];
  app.addHook('onRoute', ({ method, url }) => {
    const path = new RegExp(`^${url.replaceAll(/:[A-Za-z]+/g, '[^/]+')}/?$`);
    for (const each of [method].flat()) routes.push({ method: each, path });
  });
  app.setNotFoundHandler((request, reply) => {
    const path = request.url.split('?', 1)[0] ?? '';
    const isKnown = routes.some((route) => route.path.test(path) && route.method !== request.method);
    return sendError(reply, isKnown ? 405 : 404);
  });
  app.setErrorHandler((error, request, reply) => {
    const status = statusOf(error);
    if (status >= 500) logger.error({ ...placeOf(request), reason: messageOf(error) }, 'a REST request failed');
    return sendError(reply, status, textOf(error, status));
  });
}

function sendError(reply: FastifyReply, status: number, message?: string): FastifyReply {
  const text = message ?? `HTTP ${status} ${reasonOfStatus[status] ?? ''}`.trim();
  return reply.code(status).send({ error_code: status, message: text });
}

function statusOf(error: unknown): number {
  if (error instanceof MillraceError) {
    return statusOfCode[error.code] ?? (error.code.startsWith('config/') ? 400 : 500);
  }
  const status = (error as { statusCode?: number }).statusCode;
  return status !== undefined && status >= 400 ? status : 500;
}

function textOf(error: unknown, status: number): string | undefined {
  if (error instanceof MillraceError)
    return error.message.includes('\n') ? error.message : `${error.message}. ${error.fix}`;
  return status in reasonOfStatus ? undefined : messageOf(error);
}

function placeOf(request: FastifyRequest): Record<string, unknown> {
  return { method: request.method, route: request.routeOptions.url };
}
