/** WriteTxnMarkers (27), DescribeProducers (61), DescribeTransactions (65) and ListTransactions (66): what an administrator sees of transactions, and how one that hangs is ended. */

import { isUnderWay, type Txn, txnStatuses } from '../../coordinator/txn-state.ts';
import type { PartitionLog } from '../../log/partition-log.ts';
import type { RequestOf, ResponseInput } from '../../protocol/api.ts';
import {
  describeProducersApi,
  describeTransactionsApi,
  listTransactionsApi,
  writeTxnMarkersApi,
} from '../../protocol/apis/transaction-admin.ts';
import { kafkaErrors } from '../../protocol/kafka-errors.ts';
import { type ApiHandler, defineHandler, type Services } from '../api-handler.ts';

type AskedMarker = RequestOf<typeof writeTxnMarkersApi>['markers'][number];
type DescribedTxn = ResponseInput<typeof describeTransactionsApi>['transactionStates'][number];

export function transactionAdminHandlers(services: Services): ApiHandler[] {
  return [
    writeMarkersHandler(services),
    describeProducersHandler(services),
    describeTransactionsHandler(services),
    listTransactionsHandler(services),
  ];
}

function writeMarkersHandler(services: Services): ApiHandler {
  return defineHandler(writeTxnMarkersApi, {
    leavesOut:
      'a partition of a transaction that its coordinator still knows is answered INVALID_TXN_STATE: ended in one partition alone, it would no longer be whole',
    async handle(request) {
      const markers = request.markers.map(async (asked) => {
        const topics = asked.topics.map(async ({ name, partitionIndexes }) => {
          const answers = partitionIndexes.map(async (partitionIndex) => ({
            partitionIndex,
            errorCode: await writeMarker(services, asked, { topic: name, partition: partitionIndex }),
          }));
          return { name, partitions: await Promise.all(answers) };
        });
        return { producerId: asked.producerId, topics: await Promise.all(topics) };
      });
      return { markers: await Promise.all(markers) };
    },
  });
}

function writeMarker(
  { transactions }: Services,
  { producerId, producerEpoch, transactionResult, coordinatorEpoch }: AskedMarker,
  place: { readonly topic: string; readonly partition: number },
): Promise<number> {
  const marker = { producerId, producerEpoch, isCommit: transactionResult, coordinatorEpoch };
  return transactions.endHanging(place, marker);
}

function describeProducersHandler({ catalogue }: Services): ApiHandler {
  return defineHandler(describeProducersApi, {
    leavesOut: 'nothing',
    handle: (request) => ({
      topics: request.topics.map(({ name, partitionIndexes }) => ({
        name,
        partitions: partitionIndexes.map((partitionIndex) => {
          const log = catalogue.partition(name, partitionIndex);
          if (log !== undefined)
            return { partitionIndex, errorCode: kafkaErrors.NONE, activeProducers: producersOf(log) };
          return { partitionIndex, errorCode: kafkaErrors.UNKNOWN_TOPIC_OR_PARTITION, activeProducers: [] };
        }),
      })),
    }),
  });
}

function producersOf(log: PartitionLog) {
  return Array.from(
    log.producers(),
    ({ producerId, producerEpoch, batches, coordinatorEpoch, currentTxnFirstOffset }) => {
      const last = batches.at(-1);
      return {
        ...{ producerId, producerEpoch, coordinatorEpoch, currentTxnStartOffset: currentTxnFirstOffset },
        ...{ lastSequence: last?.lastSequence ?? -1, lastTimestamp: last?.timestampMs ?? -1 },
      };
    },
  );
}

function describeTransactionsHandler({ transactions }: Services): ApiHandler {
  return defineHandler(describeTransactionsApi, {
    leavesOut: 'nothing',
    handle: (request) => ({
      transactionStates: request.transactionalIds.map((id) => describe(id, transactions.get(id))),
    }),
  });
}

function describe(transactionalId: string, txn: Txn | undefined): DescribedTxn {
  const isEmpty = transactionalId === '';
  if (txn === undefined || txn.producerId === -1) {
    const errorCode = isEmpty ? kafkaErrors.INVALID_REQUEST : kafkaErrors.TRANSACTIONAL_ID_NOT_FOUND;
    const nothing = { transactionTimeoutMs: -1, transactionStartTimeMs: -1, producerId: -1, producerEpoch: -1 };
    return { errorCode, transactionalId, transactionState: '', ...nothing, topics: [] };
  }
  return {
    errorCode: kafkaErrors.NONE,
    transactionalId,
    transactionState: txn.status,
    transactionTimeoutMs: txn.timeoutMs,
    transactionStartTimeMs: isUnderWay(txn) ? txn.startMs : -1,
    producerId: txn.producerId,
    producerEpoch: txn.producerEpoch,
    topics: Array.from(txn.partitions, ([topic, partitions]) => ({ topic, partitions: [...partitions] })),
  };
}

function listTransactionsHandler({ transactions, clock }: Services): ApiHandler {
  return defineHandler(listTransactionsApi, {
    leavesOut: 'nothing',
    handle({ stateFilters, producerIdFilters, durationFilter }) {
      const names = new Set<string>(txnStatuses);
      const states = new Set(stateFilters.filter((name) => names.has(name)));
      const producers = new Set(producerIdFilters);
      const startedBeforeMs = clock.nowMs() - durationFilter;
      const isWanted = (txn: Txn) => {
        if (txn.producerId === -1) return false;
        if (states.size > 0 && !states.has(txn.status)) return false;
        if (producers.size > 0 && !producers.has(txn.producerId)) return false;
        return durationFilter < 0 || (isUnderWay(txn) && txn.startMs < startedBeforeMs);
      };
      return {
        errorCode: kafkaErrors.NONE,
        unknownStateFilters: stateFilters.filter((name) => !names.has(name)),
        transactionStates: [...transactions.all()].filter(isWanted).map(({ transactionalId, producerId, status }) => ({
          ...{ transactionalId, producerId, transactionState: status },
        })),
      };
    },
  });
}
