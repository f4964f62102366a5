/** /connectors: create, read, change, steer and delete connectors. */

import type { FastifyInstance, FastifyRequest } from 'fastify';
import { workerErrors } from '../error-codes.ts';
import type { Herder } from '../herder/herder.ts';
import { masked } from '../herder/masking.ts';
import type { SnapshotProgress } from '../herder/snapshot-progress.ts';
import type { ConnectorInfo, ConnectorStatus } from '../herder/views.ts';
import type { Settings } from '../stores/config-records.ts';
import { readCreate, readFlag, readPatch, readSettings } from './read-body.ts';

export interface NamedRoute {
  Params: { name: string };
}

/** How far a connector is with reading what was there before; undefined while it reads no such thing. */
export type ProgressOf = (name: string) => SnapshotProgress | undefined;

export function connectorRoutes(app: FastifyInstance, herder: Herder, progress: ProgressOf): void {
  app.get<{ Querystring: { expand?: string | string[] } }>('/connectors', async ({ query }) => {
    return query.expand === undefined ? herder.connectorNames : expanded(herder, progress, [query.expand].flat());
  });

  app.post('/connectors', async (request, reply) => {
    const { name, config, initialState } = readCreate(request.body);
    await herder.commands.create(name, config, initialState);
    return reply.code(201).header('location', locationOf(request, name)).send(shownInfo(herder, name));
  });

  app.get<NamedRoute>('/connectors/:name', async ({ params }) => shownInfo(herder, params.name));

  app.get<NamedRoute>('/connectors/:name/config', async ({ params }) => shownInfo(herder, params.name).config);

  app.put<NamedRoute>('/connectors/:name/config', async (request, reply) => {
    const { name } = request.params;
    const outcome = await herder.commands.put(name, readSettings(request.body));
    if (outcome === 'created') reply.code(201).header('location', locationOf(request, name));
    return reply.send(shownInfo(herder, name));
  });

  app.patch<NamedRoute>('/connectors/:name/config', async ({ params, body }) => {
    await herder.commands.patch(params.name, readPatch(body));
    return shownInfo(herder, params.name);
  });

  app.delete<NamedRoute>('/connectors/:name', async ({ params }, reply) => {
    await herder.commands.remove(params.name);
    return reply.code(204).send();
  });

  app.get<NamedRoute>('/connectors/:name/status', async ({ params }) => {
    return withProgress(statusOf(herder, params.name), progress);
  });
  steeringRoutes(app, herder);
}

function steeringRoutes(app: FastifyInstance, herder: Herder): void {
  const steer = { pause: ['PAUSED', 202], resume: ['STARTED', 202], stop: ['STOPPED', 204] } as const;
  for (const [verb, [target, code]] of Object.entries(steer)) {
    app.put<NamedRoute>(`/connectors/:name/${verb}`, async ({ params }, reply) => {
      await herder.commands.setTarget(params.name, target);
      return reply.code(code).send();
    });
  }

  app.post<NamedRoute & { Querystring: { includeTasks?: string; onlyFailed?: string } }>(
    '/connectors/:name/restart',
    async ({ params, query }, reply) => {
      existing(herder, params.name);
      const includeTasks = readFlag(query.includeTasks);
      const onlyFailed = readFlag(query.onlyFailed);
      if (!includeTasks && !onlyFailed) {
        herder.restartConnector(params.name);
        return reply.code(204).send();
      }
      const before = statusOf(herder, params.name);
      await herder.commands.askForRestart(params.name, includeTasks, onlyFailed);
      return reply.code(202).send(restarting(before, includeTasks, onlyFailed));
    },
  );
}

/** The settings of an existing connector. Throws `worker/connector-missing`. */
export function existing(herder: Herder, name: string): Settings {
  const settings = herder.settingsOf(name);
  if (settings !== undefined) return settings;
  throw workerErrors.error('connector-missing', { message: `Connector ${name} not found`, where: name });
}

function statusOf(herder: Herder, name: string): ConnectorStatus {
  const status = herder.status(name);
  if (status !== undefined) return status;
  throw workerErrors.error('no-status', { message: `No status found for connector ${name}`, where: name });
}

/** Beyond Kafka Connect: `snapshot`, while tables are read as a whole. */
function withProgress(status: ConnectorStatus, progress: ProgressOf): object {
  const snapshot = progress(status.name);
  return snapshot === undefined ? status : { ...status, snapshot };
}

/** Any settings of a connector as they may leave the process. */
export function shownSettings(herder: Herder, settings: Settings): Settings {
  return masked(settings, herder.catalogue.find(settings['connector.class'] ?? settings['task.class'] ?? ''));
}

function shownInfo(herder: Herder, name: string): ConnectorInfo {
  existing(herder, name);
  const info = herder.info(name)!;
  return { ...info, config: shownSettings(herder, info.config) };
}

/** A connector whose status cannot be read yet is left out, as in Kafka Connect. */
function expanded(herder: Herder, progress: ProgressOf, wanted: readonly string[]): Record<string, object> {
  const answer: Record<string, object> = {};
  for (const name of herder.connectorNames) {
    const status = herder.status(name);
    if (status === undefined && wanted.includes('status')) continue;
    answer[name] = {
      ...(status !== undefined && wanted.includes('status') ? { status: withProgress(status, progress) } : {}),
      ...(wanted.includes('info') ? { info: shownInfo(herder, name) } : {}),
    };
  }
  return answer;
}

function restarting(before: ConnectorStatus, includeTasks: boolean, onlyFailed: boolean): ConnectorStatus {
  const isMeant = (part: { state: string }) => !onlyFailed || part.state === 'FAILED';
  const mark = <P extends { state: string }>(part: P) => ({ ...part, state: 'RESTARTING' as const, trace: undefined });
  return {
    ...before,
    connector: isMeant(before.connector) ? mark(before.connector) : before.connector,
    tasks: before.tasks.map((task) => (includeTasks && isMeant(task) ? mark(task) : task)),
  } as ConnectorStatus;
}

function locationOf({ protocol, host }: FastifyRequest, name: string): string {
  return `${protocol}://${host}/connectors/${encodeURIComponent(name)}`;
}
