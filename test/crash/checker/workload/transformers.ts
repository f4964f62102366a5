/**
 * Processes that read the input, write what they make of it and commit their offset in the same transaction. One has a
 * partition to itself through its transactional id: whoever comes next fences it, and goes on behind its last commit.
 */

import { setTimeout as sleep } from 'node:timers/promises';
import { fetchGroupOffsets } from '../../../../core/client/group-offsets.ts';
import { joinGroup } from '../../../../core/client/index.ts';
import type { LogClient, Transactor } from '../clients/log-client.ts';
import type { Send } from '../history.ts';
import { streamOf } from './plan.ts';
import { inputTopic, noteFailure, runTransaction, setOffsets, takeOver, type World } from './processes.ts';
import { openCluster, Reader } from './reader.ts';

export interface Transform {
  readonly client: LogClient;
  readonly groupId: string;
  readonly outputTopic: string;
}

const afterFailureMs = 50;
/** Old owners that were not told yet, beside the present one. */
const mostIncarnations = 3;

/** Owns one partition until it fails or is stopped. */
async function runIncarnation(
  world: World,
  transform: Transform,
  partition: number,
  process: string,
  stop: AbortSignal,
): Promise<void> {
  const random = streamOf(world.seed, process);
  const transactionalId = `${transform.groupId}-${partition}`;
  const reader = new Reader(world.bootstrapServers, process);
  let transactor: Transactor | undefined;
  try {
    transactor = await takeOver(world, transform.client, process, transactionalId);
    // Only now: what the owner before has committed cannot change any more.
    const partitions = [{ topic: inputTopic, partition }];
    const [own] = await fetchGroupOffsets(reader.cluster, transform.groupId, { partitions, signal: stop });
    reader.assign([{ topic: inputTopic, partition, offset: own?.offset ?? 0 }]);
    let isWhole = true;
    for (let round = 0; isWhole && !stop.aborted; ) {
      for (const poll of await reader.poll(200)) {
        if (poll.records.length === 0) continue;
        const output = Math.floor(random() * world.shape.partitionCount);
        const isSlow = random() < 0.04;
        const isAborted = random() < 0.05;
        round += 1;
        isWhole = await runTransaction(world, transactor, { process, transactionalId }, async (operation) => {
          operation.polls.push(poll);
          const sends = poll.records.map(
            ({ value }): Send => ({
              partition: `${transform.outputTopic}-${output}`,
              value: `${transform.outputTopic}(${value})${process}.${round}`,
              from: value,
            }),
          );
          operation.sends.push(...sends);
          const batch = sends.map(({ value }) => value);
          setOffsets(sends, await transactor!.send(transform.outputTopic, output, batch));
          await transactor!.sendOffsets(transform.groupId, [{ topic: inputTopic, partition, offset: poll.toOffset }]);
          if (isSlow) await sleep(random() * 600);
          return isAborted ? 'abort' : 'commit';
        });
        // Having read on, it cannot do again what it has undone: the next one will.
        if (isAborted) isWhole = false;
      }
    }
  } catch (error) {
    if (!stop.aborted) noteFailure(world, `${transform.client.name} transformer`, error);
  } finally {
    await transactor?.close().catch(() => {});
    reader.close();
  }
}

/** One owner after the other; some come although the one before is alive and goes on. */
export async function runTakeovers(
  world: World,
  transform: Transform,
  partition: number,
  stop: AbortSignal,
): Promise<void> {
  const name = `${transform.groupId}-${partition}`;
  const random = streamOf(world.seed, `takeovers ${name}`);
  const alive = new Set<Promise<void>>();
  for (let life = 0; !stop.aborted; life += 1) {
    const incarnation: Promise<void> = runIncarnation(world, transform, partition, `${name}.${life}`, stop).finally(
      () => alive.delete(incarnation),
    );
    alive.add(incarnation);
    await Promise.race([incarnation, sleep(1_000 + random() * 3_000)]);
    while (alive.size >= mostIncarnations) await Promise.race(alive);
    await sleep(afterFailureMs);
  }
  await Promise.all(alive);
}

/** A member of a consumer group: works on the partitions the group gives it, and leaves now and then. */
export async function runMember(world: World, transform: Transform, name: string, stop: AbortSignal): Promise<void> {
  const random = streamOf(world.seed, name);
  let lives = 0;
  while (!stop.aborted) {
    const cluster = openCluster(world.bootstrapServers, name);
    const owned = new Map<number, { end: AbortController; ended: Promise<void> }>();
    const give = async () => {
      const given = [...owned.values()];
      owned.clear();
      for (const { end } of given) end.abort(new Error('revoked'));
      await Promise.all(given.map(({ ended }) => ended));
    };
    try {
      const membership = await joinGroup(cluster, {
        groupId: transform.groupId,
        topics: [inputTopic],
        sessionTimeoutMs: 6_000,
        rebalanceTimeoutMs: 6_000,
        heartbeatIntervalMs: 300,
        onAssigned: (partitions) => {
          for (const { partition } of partitions) {
            const end = new AbortController();
            owned.set(partition, { end, ended: own(partition, AbortSignal.any([end.signal, stop])) });
          }
        },
        onRevoked: give,
      });
      const left = new AbortController();
      stop.addEventListener('abort', () => left.abort(), { once: true, signal: left.signal });
      await sleep(3_000 + random() * 8_000, undefined, { signal: left.signal }).catch(() => {});
      left.abort();
      await membership.leave();
    } catch (error) {
      noteFailure(world, 'member', error);
      await sleep(afterFailureMs);
    } finally {
      await give();
      cluster.close();
    }
  }

  async function own(partition: number, end: AbortSignal): Promise<void> {
    while (!end.aborted) {
      await runIncarnation(world, transform, partition, `${name}-${partition}.${lives++}`, end);
      await sleep(afterFailureMs);
    }
  }
}
