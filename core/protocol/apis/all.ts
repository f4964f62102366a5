/** Every API this side knows, for version negotiation, headers and dispatch. */

import type { AnyApi } from '../api.ts';
import { apiVersionsApi } from './api-versions.ts';
import { describeClusterApi } from './cluster.ts';
import { alterConfigsApi, describeConfigsApi, incrementalAlterConfigsApi } from './configs.ts';
import { fetchApi } from './fetch.ts';
import { deleteGroupsApi, describeGroupsApi, listGroupsApi, offsetDeleteApi } from './group-admin.ts';
import { offsetCommitApi, offsetFetchApi } from './group-offsets.ts';
import { findCoordinatorApi, heartbeatApi, joinGroupApi, leaveGroupApi, syncGroupApi } from './groups.ts';
import { offsetForLeaderEpochApi } from './leader-epochs.ts';
import { listOffsetsApi } from './list-offsets.ts';
import { metadataApi } from './metadata.ts';
import {
  createPartitionsApi,
  deleteRecordsApi,
  describeLogDirsApi,
  electLeadersApi,
  listPartitionReassignmentsApi,
} from './partitions.ts';
import { produceApi } from './produce.ts';
import { initProducerIdApi } from './producer-ids.ts';
import { createTopicsApi, deleteTopicsApi } from './topics.ts';
import {
  describeProducersApi,
  describeTransactionsApi,
  listTransactionsApi,
  writeTxnMarkersApi,
} from './transaction-admin.ts';
import { addOffsetsToTxnApi, addPartitionsToTxnApi, endTxnApi, txnOffsetCommitApi } from './transactions.ts';

/** In the order of their keys. */
export const allApis = [
  produceApi,
  fetchApi,
  listOffsetsApi,
  metadataApi,
  offsetCommitApi,
  offsetFetchApi,
  findCoordinatorApi,
  joinGroupApi,
  heartbeatApi,
  leaveGroupApi,
  syncGroupApi,
  describeGroupsApi,
  listGroupsApi,
  apiVersionsApi,
  createTopicsApi,
  deleteTopicsApi,
  deleteRecordsApi,
  initProducerIdApi,
  offsetForLeaderEpochApi,
  addPartitionsToTxnApi,
  addOffsetsToTxnApi,
  endTxnApi,
  writeTxnMarkersApi,
  txnOffsetCommitApi,
  describeConfigsApi,
  alterConfigsApi,
  describeLogDirsApi,
  createPartitionsApi,
  deleteGroupsApi,
  electLeadersApi,
  incrementalAlterConfigsApi,
  listPartitionReassignmentsApi,
  offsetDeleteApi,
  describeClusterApi,
  describeProducersApi,
  describeTransactionsApi,
  listTransactionsApi,
] as const;

const byKey = new Map<number, AnyApi>(allApis.map((api) => [api.key, api]));

export function findApi(key: number): AnyApi | undefined {
  return byKey.get(key);
}
