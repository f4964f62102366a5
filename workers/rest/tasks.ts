/** /connectors/{name}/tasks and /connectors/{name}/topics: what a connector's tasks are, do and touch. */

import type { FastifyInstance } from 'fastify';
import { workerErrors } from '../error-codes.ts';
import type { Herder } from '../herder/herder.ts';
import type { TaskStatus } from '../herder/views.ts';
import { existing, type NamedRoute, shownSettings } from './connectors.ts';

interface TaskRoute {
  Params: { name: string; task: string };
}

export function taskRoutes(app: FastifyInstance, herder: Herder): void {
  app.get<NamedRoute>('/connectors/:name/tasks', async ({ params }) => {
    existing(herder, params.name);
    return herder.taskSettingsOf(params.name).map((settings, task) => ({
      id: { connector: params.name, task },
      config: shownSettings(herder, settings),
    }));
  });

  app.get<TaskRoute>('/connectors/:name/tasks/:task/status', async ({ params }) => {
    return taskStatus(herder, params.name, params.task);
  });

  app.post<TaskRoute>('/connectors/:name/tasks/:task/restart', async ({ params }, reply) => {
    const { name, task } = params;
    existing(herder, name);
    const index = Number(task);
    if (herder.taskSettingsOf(name)[index] === undefined) throw missing(name, task);
    herder.restartTask(name, index);
    return reply.code(204).send();
  });

  /** An unknown connector has used no topics: 200 and an empty list, as in Kafka Connect. */
  app.get<NamedRoute>('/connectors/:name/topics', async ({ params }) => ({
    [params.name]: { topics: herder.activeTopics(params.name) },
  }));

  app.put<NamedRoute>('/connectors/:name/topics/reset', async ({ params }, reply) => {
    await herder.forgetTopics(params.name);
    return reply.code(202).send();
  });
}

function taskStatus(herder: Herder, name: string, task: string): TaskStatus {
  const index = /^\d+$/.test(task) ? Number(task) : -1;
  const status = herder.status(name)?.tasks.find(({ id }) => id === index);
  if (status !== undefined) return status;
  throw workerErrors.error('no-status', { message: `No status found for task ${name}-${task}`, where: name });
}

function missing(name: string, task: string): Error {
  return workerErrors.error('task-missing', { message: `Task ${name}-${task} not found`, where: name });
}
