/** What groups make durable: their records, commits and tombstones; committed offsets follow in memory in the order of the log. */

import type { Clock } from '../base/clock.ts';
import type { TransactionMarker } from '../protocol/control-batch.ts';
import { kafkaErrors } from '../protocol/kafka-errors.ts';
import type { OffsetPlace } from './committed-offsets.ts';
import {
  type CommittedOffset,
  encodeGroupKey,
  encodeGroupValue,
  encodeOffsetKey,
  encodeOffsetValue,
  offsetsPartitionOf,
} from './group-records.ts';
import type { GroupSnapshot } from './group-state.ts';
import type { OffsetLedger } from './offset-ledger.ts';
import type { OffsetsLog, OffsetsRecord, TxnProducer } from './offsets-log.ts';

export interface OffsetToCommit {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  readonly leaderEpoch: number;
  readonly metadata: string;
}

interface Commit {
  readonly entries: readonly { readonly place: OffsetPlace; readonly value: CommittedOffset }[];
}

export class GroupStore {
  readonly ledger: OffsetLedger;
  readonly #clock: Clock;
  readonly #logs: readonly OffsetsLog[];
  /** Commits on their way to the log, by group: what expires or is deleted must reckon with them. */
  readonly #inFlight = new Map<string, Set<Commit>>();

  constructor(options: { logs: readonly OffsetsLog[]; ledger: OffsetLedger; clock: Clock }) {
    this.ledger = options.ledger;
    this.#logs = options.logs;
    this.#clock = options.clock;
  }

  partitionOf(groupId: string): number {
    return offsetsPartitionOf(groupId, this.#logs.length);
  }

  hasCommitsInFlight(groupId: string): boolean {
    return this.#inFlight.has(groupId);
  }

  /** Where the group has an offset, or has one staged or on its way. */
  placesOf(groupId: string): OffsetPlace[] {
    const places = this.ledger.committed.ofGroup(groupId).flatMap(({ topic, partitions }) => {
      return Array.from(partitions.keys(), (partition) => ({ groupId, topic, partition }));
    });
    places.push(...this.ledger.staged.places((place) => place.groupId === groupId));
    for (const { entries } of this.#inFlight.get(groupId) ?? []) places.push(...entries.map(({ place }) => place));
    return places;
  }

  /** Where some group has an offset of the topic, or has one staged. */
  placesOfTopic(topic: string): OffsetPlace[] {
    const { committed, staged } = this.ledger;
    return [...committed.placesOfTopic(topic), ...staged.places((place) => place.topic === topic)];
  }

  /** Resolves to an error code; rejects when the snapshot cannot be written as a record. */
  async appendGroup(groupId: string, snapshot: GroupSnapshot): Promise<number> {
    const record = { key: encodeGroupKey(groupId), value: encodeGroupValue(snapshot) };
    const errorCode = coordinatorError(await this.#logOf(groupId).append([record], () => {}));
    return errorCode === kafkaErrors.INVALID_COMMIT_OFFSET_SIZE ? kafkaErrors.UNKNOWN_SERVER_ERROR : errorCode;
  }

  async appendOffsets(groupId: string, offsets: readonly OffsetToCommit[]): Promise<number> {
    const { entries, records } = this.#commitOf(groupId, offsets);
    const commit = { entries };
    this.#begin(groupId, commit);
    const errorCode = await this.#logOf(groupId).append(records, () => {
      this.#end(groupId, commit);
      for (const { place, value } of entries) this.ledger.put(place, value);
    });
    this.#end(groupId, commit);
    return coordinatorError(errorCode);
  }

  /** The offsets count once the producer's transaction is committed. */
  async stageOffsets(groupId: string, producer: TxnProducer, offsets: readonly OffsetToCommit[]): Promise<number> {
    const { entries, records } = this.#commitOf(groupId, offsets);
    const commit = { entries };
    this.#begin(groupId, commit);
    const errorCode = await this.#logOf(groupId).appendInTransaction(records, producer, () => {
      this.#end(groupId, commit);
      this.ledger.stage(producer.producerId, entries);
    });
    this.#end(groupId, commit);
    return coordinatorError(errorCode);
  }

  /** Ends a transaction in one partition of the offsets topic: what it staged there counts from now on, or is forgotten. */
  appendMarker(partition: number, marker: TransactionMarker): Promise<number> {
    const isHere = (groupId: string) => this.partitionOf(groupId) === partition;
    return (this.#logs[partition] as OffsetsLog).appendMarker(marker, () => {
      this.ledger.end(marker.producerId, marker.isCommit, isHere);
    });
  }

  async appendTombstones(groupId: string, places: readonly OffsetPlace[]): Promise<number> {
    const records: OffsetsRecord[] = places.map((place) => ({ key: encodeOffsetKey(place), value: null }));
    const append = this.#logOf(groupId).append(records, () => {
      for (const place of places) this.ledger.put(place, undefined);
    });
    return coordinatorError(await append);
  }

  /** Tombstones the group with all its offsets; `onRemoved` runs once that is durable, before anything appended later is applied. */
  async removeGroup(groupId: string, onRemoved: () => void): Promise<number> {
    const places = this.placesOf(groupId);
    const records: OffsetsRecord[] = places.map((place) => ({ key: encodeOffsetKey(place), value: null }));
    records.push({ key: encodeGroupKey(groupId), value: null });
    const append = this.#logOf(groupId).append(records, () => {
      for (const place of places) this.ledger.put(place, undefined);
      onRemoved();
    });
    return coordinatorError(await append);
  }

  /** Resolves when everything appended so far is applied or refused. */
  async settled(): Promise<void> {
    await Promise.all(this.#logs.map((log) => log.settled()));
  }

  #commitOf(groupId: string, offsets: readonly OffsetToCommit[]) {
    const commitTimestampMs = this.#clock.nowMs();
    const entries = offsets.map(({ topic, partition, offset, leaderEpoch, metadata }) => ({
      place: { groupId, topic, partition },
      value: { offset, leaderEpoch, metadata, commitTimestampMs },
    }));
    const records = entries.map(({ place, value }) => ({
      key: encodeOffsetKey(place),
      value: encodeOffsetValue(value),
    }));
    return { entries, records };
  }

  #begin(groupId: string, commit: Commit): void {
    const commits = this.#inFlight.get(groupId) ?? new Set();
    this.#inFlight.set(groupId, commits.add(commit));
  }

  #end(groupId: string, commit: Commit): void {
    const commits = this.#inFlight.get(groupId);
    commits?.delete(commit);
    if (commits?.size === 0) this.#inFlight.delete(groupId);
  }

  #logOf(groupId: string): OffsetsLog {
    return this.#logs[this.partitionOf(groupId)] as OffsetsLog;
  }
}

/** What members and committers are told when the log refuses: codes that make every client look for the coordinator and try again. */
function coordinatorError(errorCode: number): number {
  switch (errorCode) {
    case kafkaErrors.NONE:
      return kafkaErrors.NONE;
    case kafkaErrors.MESSAGE_TOO_LARGE:
    case kafkaErrors.RECORD_LIST_TOO_LARGE:
      return kafkaErrors.INVALID_COMMIT_OFFSET_SIZE;
    default:
      return kafkaErrors.COORDINATOR_NOT_AVAILABLE;
  }
}
