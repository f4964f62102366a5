/** Which offsets of a sink task may be committed: never past what it was given, never past an unresolved bad record, never back (promise 2). Pure. */

import type { TopicPartition } from '../../connectors/contract/record.ts';
import type { SinkPosition } from '../../connectors/contract/sink.ts';

interface Track {
  readonly topic: string;
  readonly partition: number;
  /** Records below were handed to the task. */
  given: number;
  /** The task reported everything below as durable. */
  reported: number;
  /** Passed on for commit. */
  committed: number;
  /** Offsets of records reported as bad whose fate is not durable yet, ascending. */
  readonly undecided: number[];
}

export class CommitTracker {
  readonly #tracks = new Map<string, Track>();

  /** The partition is ours from `offset` on. Forgets what an earlier ownership left. */
  assigned(position: SinkPosition): void {
    const { topic, partition, offset } = position;
    const track = { topic, partition, given: offset, reported: offset, committed: offset, undecided: [] };
    this.#tracks.set(keyOf(position), track);
  }

  revoked(partition: TopicPartition): void {
    this.#tracks.delete(keyOf(partition));
  }

  owns(partition: TopicPartition): boolean {
    return this.#tracks.has(keyOf(partition));
  }

  /** Records up to `position.offset` (exclusive) are about to be handed to the task. */
  given(position: SinkPosition): void {
    const track = this.#tracks.get(keyOf(position));
    if (track !== undefined && position.offset > track.given) track.given = position.offset;
  }

  /**
   * What the task reported as durable. Answers what of it may be committed now; a report for a partition that is not
   * ours any more counts for nothing, and one past the records given is cut there.
   */
  reported(positions: readonly SinkPosition[]): SinkPosition[] {
    const ready: SinkPosition[] = [];
    for (const position of positions) {
      const track = this.#tracks.get(keyOf(position));
      if (track === undefined) continue;
      track.reported = Math.max(track.reported, Math.min(position.offset, track.given));
      const advance = advanceOf(track);
      if (advance !== undefined) ready.push(advance);
    }
    return ready;
  }

  /** A record was reported as bad; commits stop before it until it is resolved. */
  badRecord(record: SinkPosition): void {
    const track = this.#tracks.get(keyOf(record));
    if (track === undefined) return;
    track.undecided.push(record.offset);
    track.undecided.sort((a, b) => a - b);
  }

  /** The bad record is durably dead-lettered or skipped by an explicit tolerance. Answers what may be committed now. */
  resolved(record: SinkPosition): SinkPosition[] {
    const track = this.#tracks.get(keyOf(record));
    const index = track?.undecided.indexOf(record.offset) ?? -1;
    if (track === undefined || index < 0) return [];
    track.undecided.splice(index, 1);
    const advance = advanceOf(track);
    return advance === undefined ? [] : [advance];
  }

  /** How far each partition was handed out. */
  givenPositions(): SinkPosition[] {
    return Array.from(this.#tracks.values(), ({ topic, partition, given }) => ({ topic, partition, offset: given }));
  }
}

function advanceOf(track: Track): SinkPosition | undefined {
  const barrier = track.undecided[0];
  const offset = barrier === undefined ? track.reported : Math.min(track.reported, barrier);
  if (offset <= track.committed) return undefined;
  track.committed = offset;
  return { topic: track.topic, partition: track.partition, offset };
}

function keyOf({ topic, partition }: TopicPartition): string {
  return `${topic}-${partition}`;
}
