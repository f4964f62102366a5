/** Opens what the broker has promised to keep, each part over the one before: logs, topics, groups, transactions. */

import { join } from 'node:path';
import type { Lifecycle } from '../base/lifecycle.ts';
import { nodeDisk } from '../base/node-disk.ts';
import { type GroupCoordinator, openGroupCoordinator } from '../coordinator/group-coordinator.ts';
import type { MarkerPlace } from '../coordinator/marker-writer.ts';
import { openTxnCoordinator, type TxnCoordinator } from '../coordinator/txn-coordinator.ts';
import { type Logs, openLogs } from '../log/log-manager.ts';
import type { PartitionLog } from '../log/partition-log.ts';
import { openProducerIds, type ProducerIds } from '../log/producer-ids.ts';
import type { TransactionMarker } from '../protocol/control-batch.ts';
import { kafkaErrors } from '../protocol/kafka-errors.ts';
import type { BrokerOptions } from './broker-options.ts';
import { CatalogueFiles } from './catalogue-files.ts';
import type { BrokerSettings } from './settings.ts';
import { isRefusal, TopicCatalogue } from './topic-catalogue.ts';
import { offsetsTopic, transactionsTopic } from './topic-names.ts';

interface DurableState {
  readonly logs: Logs;
  readonly catalogue: TopicCatalogue;
  readonly coordinator: GroupCoordinator;
  readonly transactions: TxnCoordinator;
  readonly producerIds: ProducerIds;
}

export async function openDurableState(
  options: BrokerOptions,
  settings: BrokerSettings,
  lifecycle: Lifecycle,
): Promise<DurableState> {
  const { disk, clock, logger, dataDir, durability } = options;
  const logs = await lifecycle.open(
    () => openLogs({ compactsInThread: disk === nodeDisk, ...options.logs, disk, clock, logger, dataDir, durability }),
    (opened) => opened.close(),
  );
  const files = new CatalogueFiles(disk, join(dataDir, 'catalogue'));
  const topics = await files.open();
  const catalogue = new TopicCatalogue(files, logs, logger);
  lifecycle.onClose(() => catalogue.settled());
  await catalogue.load(topics);
  const producerIds = await openProducerIds(options);
  const partitions = await internalPartitions(catalogue, offsetsTopic, settings.offsetsPartitionCount);
  const coordinator = await lifecycle.open(
    () => openGroupCoordinator({ partitions, clock, logger, settings: options.coordinator }),
    (opened) => opened.close(),
  );
  await catalogue.finishDeletions((topic) => coordinator.forgetTopic(topic));
  const states = await internalPartitions(catalogue, transactionsTopic, settings.transactionsPartitionCount);
  const transactions = await lifecycle.open(
    () => {
      return openTxnCoordinator({
        ...{ partitions: states, clock, logger, settings: options.transactions },
        nextProducerId: () => producerIds.nextProducerId(),
        partitionOf: ({ topic, partition }) => catalogue.partition(topic, partition),
        allPartitions: () => partitionsOf(catalogue),
        appendMarker: (place, marker) => appendMarker({ catalogue, coordinator }, place, marker),
      });
    },
    (opened) => opened.close(),
  );
  return { logs, catalogue, coordinator, transactions, producerIds };
}

/** Makes an internal topic at the first start; later its partition count is what it was then. */
async function internalPartitions(catalogue: TopicCatalogue, name: string, partitionCount: number) {
  const known = catalogue.get(name);
  if (known !== undefined) return known.partitions;
  const configs = { 'cleanup.policy': 'compact', 'segment.bytes': '104857600', 'max.message.bytes': '104857600' };
  const outcome = await catalogue.create({ name, partitionCount, configs });
  if (isRefusal(outcome)) throw new Error(`the topic ${name} cannot be created: ${outcome.message}`);
  return outcome.partitions;
}

function* partitionsOf(catalogue: TopicCatalogue): Generator<PartitionLog, void> {
  for (const { partitions } of catalogue.all()) yield* partitions;
}

/** In the offsets topic the marker also decides about what the transaction has staged. */
async function appendMarker(
  { catalogue, coordinator }: Pick<DurableState, 'catalogue' | 'coordinator'>,
  { topic, partition }: MarkerPlace,
  marker: TransactionMarker,
): Promise<number> {
  const log = catalogue.partition(topic, partition);
  if (log === undefined) return kafkaErrors.UNKNOWN_TOPIC_OR_PARTITION;
  if (topic === offsetsTopic) return coordinator.appendMarker(partition, marker);
  return (await log.appendMarker(marker)).errorCode;
}
