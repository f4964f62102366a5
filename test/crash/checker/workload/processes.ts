/** The processes that write and read: each does one thing after the other, writes it down, and goes on under another name after a failure. */

import { setTimeout as sleep } from 'node:timers/promises';
import type { LogClient, PlainProducer, Transactor } from '../clients/log-client.ts';
import type { Operation, Recorder, Send } from '../history.ts';
import { planSend, planTransaction, type Shape, streamOf } from './plan.ts';
import { Reader, readToEnds } from './reader.ts';

export interface World {
  readonly seed: number;
  readonly recorder: Recorder;
  readonly bootstrapServers: readonly string[];
  readonly shape: Shape;
  /** Writers end at the next chance. */
  readonly stopping: AbortSignal;
  /** What failed and why, counted: faults must have effects, and nothing unexpected should hide among them. */
  readonly failures: Map<string, number>;
}

/** A process waits a little before it goes on under another name. */
const afterFailureMs = 50;
export const transactionTimeoutMs = 10_000;

export const inputTopic = 'x';

export function noteFailure({ failures }: World, what: string, error: unknown): void {
  const { code, type, name } = error as { code?: unknown; type?: unknown; name?: unknown };
  const reason = `${what}: ${[name, type ?? code].filter((part) => part !== undefined).join(' ')}`;
  failures.set(reason, (failures.get(reason) ?? 0) + 1);
}

export function setOffsets(sends: readonly Send[], baseOffset: number | undefined): void {
  if (baseOffset === undefined || baseOffset < 0) return;
  for (const [index, send] of sends.entries()) send.offset = baseOffset + index;
}

/** Sends batches, each on its own. */
export async function runPlainWriter(world: World, client: LogClient, name: string): Promise<void> {
  const random = streamOf(world.seed, name);
  let producer: PlainProducer | undefined;
  let values = 0;
  let life = 0;
  while (!world.stopping.aborted) {
    const planned = planSend(random, world.shape);
    await sleep(planned.pauseMs);
    let operation: Operation | undefined;
    try {
      producer ??= await client.openProducer();
      operation = world.recorder.begin(`${name}.${life}`, 'send');
      const sends = newSends(planned, () => `${name}-${values++}`);
      operation.sends.push(...sends);
      setOffsets(
        sends,
        await producer.send(
          inputTopic,
          planned.partition,
          sends.map(({ value }) => value),
        ),
      );
      world.recorder.end(operation, 'ok');
    } catch (error) {
      noteFailure(world, `${client.name} send`, error);
      if (operation !== undefined) world.recorder.end(operation, 'info');
      life++;
      const old = producer;
      producer = undefined;
      await old?.close().catch(() => {});
      await sleep(afterFailureMs);
    }
  }
  await producer?.close().catch(() => {});
}

function newSends({ partition, count }: { partition: number; count: number }, nextValue: () => string): Send[] {
  return Array.from({ length: count }, () => ({ partition: `${inputTopic}-${partition}`, value: nextValue() }));
}

/** Sends transactions over several partitions, some of which it aborts. */
export async function runTransactionalWriter(world: World, client: LogClient, name: string): Promise<void> {
  const random = streamOf(world.seed, name);
  let transactor: Transactor | undefined;
  let values = 0;
  let life = 0;
  while (!world.stopping.aborted) {
    const planned = planTransaction(random, world.shape);
    await sleep(planned.pauseMs);
    const process = `${name}.${life}`;
    try {
      transactor ??= await takeOver(world, client, process, name);
    } catch (error) {
      noteFailure(world, `${client.name} init`, error);
      life++;
      await sleep(afterFailureMs);
      continue;
    }
    const isWhole = await runTransaction(world, transactor, { process, transactionalId: name }, async (operation) => {
      for (const { partition, count } of planned.sends) {
        const sends = newSends({ partition, count }, () => `${name}-${values++}`);
        operation.sends.push(...sends);
        const batch = sends.map(({ value }) => value);
        setOffsets(sends, await transactor!.send(inputTopic, partition, batch));
      }
      return planned.isAborted ? 'abort' : 'commit';
    });
    if (isWhole) continue;
    life++;
    await transactor.close().catch(() => {});
    transactor = undefined;
    await sleep(afterFailureMs);
  }
  await transactor?.close().catch(() => {});
}

export async function takeOver(
  { recorder }: World,
  client: LogClient,
  process: string,
  transactionalId: string,
): Promise<Transactor> {
  const operation = recorder.begin(process, 'init', transactionalId);
  const transactor = await client.openTransactor(transactionalId, transactionTimeoutMs);
  recorder.end(operation, 'ok');
  return transactor;
}

/** Resolves to whether it ended as `work` wished; what became of it is written down either way. */
export async function runTransaction(
  world: World,
  transactor: Transactor,
  owner: { process: string; transactionalId: string },
  work: (operation: Operation) => Promise<'commit' | 'abort'>,
): Promise<boolean> {
  const { recorder } = world;
  const operation = recorder.begin(owner.process, 'transaction', owner.transactionalId);
  try {
    await transactor.begin();
    const wish = await work(operation);
    if (wish === 'abort') {
      await transactor.abort();
      recorder.end(operation, 'fail');
      return true;
    }
    recorder.committing(operation);
    await transactor.commit();
    recorder.end(operation, 'ok');
    return true;
  } catch (error) {
    noteFailure(world, operation.committingAt === undefined ? 'transaction' : 'commit', error);
    if (operation.committingAt !== undefined) recorder.end(operation, 'info');
    // Nobody asked for the commit, so it cannot happen. It is not aborted here: a request of it may still be under way,
    // and behind an abort, which keeps the epoch, it would open a transaction that nobody ends.
    // Whoever takes the transactional id over ends it under a new epoch.
    else recorder.abandon(operation, 'fail');
    return false;
  }
}

/** Polls all partitions from the beginning, and now and then goes back to it. */
export async function runReader(world: World, name: string): Promise<void> {
  const random = streamOf(world.seed, name);
  const partitions = Array.from({ length: world.shape.partitionCount }, (_, partition) => partition);
  for (let life = 0; !world.stopping.aborted; life += 1) {
    const process = `${name}.${life}`;
    const reader = new Reader(world.bootstrapServers, name);
    try {
      while (!world.stopping.aborted) {
        reader.assign(partitions.map((partition) => ({ topic: inputTopic, partition, offset: 0 })));
        world.recorder.end(world.recorder.begin(process, 'assign'), 'ok');
        for (let polls = 50 + random() * 400; polls > 0 && !world.stopping.aborted; polls -= 1) {
          const operation = world.recorder.begin(process, 'poll');
          operation.polls.push(...(await reader.poll(200)));
          world.recorder.end(operation, 'ok');
        }
      }
    } catch (error) {
      noteFailure(world, 'poll', error);
      await sleep(afterFailureMs);
    } finally {
      reader.close();
    }
  }
}

/** Reads everything up to where it ends now, again and again: what was acknowledged before must be there. */
export async function runAuditor(world: World, topics: readonly string[]): Promise<void> {
  const random = streamOf(world.seed, 'auditor');
  while (!world.stopping.aborted) {
    await sleep(200 + random() * 600);
    await readAll(world, topics, 10_000).catch((error: unknown) => noteFailure(world, 'read-all', error));
  }
}

export async function readAll(world: World, topics: readonly string[], timeoutMs: number): Promise<void> {
  const operation = world.recorder.begin('auditor', 'read-all');
  operation.polls.push(...(await readToEnds(world.bootstrapServers, topics, timeoutMs)));
  world.recorder.end(operation, 'ok');
}
