/** The bugs that are put between the checker's clients and a broker, to see whether they are found. */

import { produceApi } from '../../../../core/protocol/apis/produce.ts';
import { initProducerIdApi } from '../../../../core/protocol/apis/producer-ids.ts';
import {
  addOffsetsToTxnApi,
  addPartitionsToTxnApi,
  endTxnApi,
  txnOffsetCommitApi,
} from '../../../../core/protocol/apis/transactions.ts';
import { decodeResponseHeader, type RequestHeader } from '../../../../core/protocol/frame.ts';
import { Reader } from '../../../../core/protocol/reader.ts';
import type { Tampering } from './tampering-proxy.ts';

/** A commit is answered before its markers are anywhere. */
export function answerBeforeMarkers(delayMs: number): Tampering {
  return {
    onRequest: (passing) => {
      if (passing.as(endTxnApi) === undefined) return;
      passing.answer(endTxnApi, { errorCode: 0 });
      passing.delayMs = delayMs;
    },
  };
}

/** The end of a transaction overtakes the records that were sent before it, which were acknowledged all the same. */
export function markersBeforeData(delayMs: number): Tampering {
  return {
    onRequest: (passing) => {
      const request = passing.as(produceApi);
      if (request === undefined || request.transactionalId === null) return;
      const responses = request.topicData.map(({ name, partitionData }) => ({
        name,
        partitionResponses: partitionData.map(({ index }) => ({
          index,
          errorCode: 0,
          baseOffset: -1,
          recordErrors: [],
        })),
      }));
      passing.answer(produceApi, { responses, nodeEndpoints: [] });
      passing.delayMs = delayMs;
    },
  };
}

/** Who takes a transactional id over gets an identity of its own, and the owner before goes on as if nothing had happened. */
export function ignoreFences(): Tampering {
  let takeovers = 0;
  const asked = new Map<RequestHeader, string>();
  const names = new Map<number, string>();
  const renamed = <T extends { readonly transactionalId: string | null }>(request: T, producerId: number): T => ({
    ...request,
    transactionalId: names.get(producerId) ?? request.transactionalId,
  });
  return {
    onRequest: (passing) => {
      const init = passing.as(initProducerIdApi);
      if (init !== undefined && init.transactionalId !== null) {
        const isNew = init.producerId === -1;
        const name = isNew ? `${init.transactionalId}#${takeovers++}` : (names.get(init.producerId) ?? '');
        asked.set(passing.header, name);
        passing.replace(initProducerIdApi, { ...init, transactionalId: name });
      }
      for (const api of [addPartitionsToTxnApi, addOffsetsToTxnApi, endTxnApi, txnOffsetCommitApi] as const) {
        const request = passing.as(api as typeof endTxnApi);
        if (request !== undefined) passing.replace(api as typeof endTxnApi, renamed(request, request.producerId));
      }
      const produce = passing.as(produceApi);
      const batch = produce?.topicData[0]?.partitionData[0]?.records;
      if (produce === undefined || produce.transactionalId === null || batch == null) return;
      passing.replace(produceApi, renamed(produce, Number(batch.readBigInt64BE(batchProducerIdPosition))));
    },
    onAnswer: (header, answer) => {
      const name = asked.get(header);
      if (name === undefined) return;
      asked.delete(header);
      const { apiVersion } = header;
      const reader = new Reader(Buffer.from(answer));
      decodeResponseHeader(reader, initProducerIdApi, apiVersion);
      const { errorCode, producerId } = initProducerIdApi.decodeResponse(reader, apiVersion);
      if (errorCode === 0) names.set(producerId, name);
    },
  };
}

/** Where a record batch names its producer. */
const batchProducerIdPosition = 43;
