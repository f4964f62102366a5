/** A connector's offsets as people see and move them: source offsets on the offset topic, a sink's in its consumer group. */

import type { SourceOffset, SourcePartition } from '../../connectors/contract/record.ts';
import type { SinkPosition } from '../../connectors/contract/sink.ts';
import { MillraceError, messageOf } from '../../core/base/errors.ts';
import { workerErrors } from '../error-codes.ts';
import type { OffsetStore } from '../stores/offset-store.ts';
import { groupIdOf } from '../tasks/task-runs.ts';
import type { Herder } from './herder.ts';

export interface OffsetEntry {
  readonly partition: SourcePartition;
  /** null removes what is stored: the partition is read from its start again. */
  readonly offset: SourceOffset | null;
}

/** The part of core/client's administration that this uses. */
interface GroupAdmin {
  fetchGroupOffsets(groupId: string): Promise<readonly SinkPosition[]>;
  /** Rejects with `client/group-fenced` while the group has members. */
  setGroupOffsets(groupId: string, offsets: readonly SinkPosition[]): Promise<void>;
}

export interface ConnectorOffsetsOptions {
  readonly herder: Herder;
  readonly offsets: OffsetStore;
  readonly groups: GroupAdmin;
  /** The first offset of a partition. Rejects when there is no such partition. */
  readonly startOf: (topic: string, partition: number) => Promise<number>;
}

export class ConnectorOffsets {
  readonly #options: ConnectorOffsetsOptions;

  constructor(options: ConnectorOffsetsOptions) {
    this.#options = options;
  }

  async read(connector: string): Promise<OffsetEntry[]> {
    const { herder, offsets, groups } = this.#options;
    if (herder.typeOf(connector) !== 'sink') {
      const stored = await offsets.read(connector);
      return stored.map(({ partition, offset }) => ({ partition, offset }));
    }
    const committed = await groups.fetchGroupOffsets(groupIdOf(connector));
    return committed.map(({ topic, partition, offset }) => ({
      partition: { kafka_topic: topic, kafka_partition: partition },
      offset: { kafka_offset: offset },
    }));
  }

  /** Throws `worker/connector-not-stopped` and `worker/bad-request`. */
  alter(connector: string, entries: readonly OffsetEntry[]): Promise<void> {
    const { herder, offsets } = this.#options;
    return herder.commands.alone(async () => {
      this.#requireStopped(connector);
      if (herder.typeOf(connector) === 'sink') await this.#alterSink(connector, entries);
      else await offsets.write(connector, entries);
    });
  }

  /** Removes everything stored. What is stored already stays removed: doing it twice is fine. */
  reset(connector: string): Promise<void> {
    const { herder, offsets, groups } = this.#options;
    return herder.commands.alone(async () => {
      this.#requireStopped(connector);
      if (herder.typeOf(connector) === 'sink') {
        const committed = await groups.fetchGroupOffsets(groupIdOf(connector));
        await this.#setGroup(connector, await Promise.all(committed.map((each) => this.#startOf(each))));
        return;
      }
      const stored = await offsets.read(connector);
      await offsets.write(
        connector,
        stored.map(({ partition }) => ({ partition, offset: null })),
      );
    });
  }

  #requireStopped(connector: string): void {
    const { herder } = this.#options;
    const tasksLeft = herder.tasks().some(({ task }) => task.connector === connector);
    if (herder.targetOf(connector) === 'STOPPED' && !tasksLeft) return;
    const message =
      'Connectors must be in the STOPPED state before their offsets can be modified. ' +
      'This can be done for the specified connector by issuing a PUT request to the ' +
      `/connectors/${connector}/stop endpoint`;
    throw workerErrors.error('connector-not-stopped', { message, where: connector });
  }

  async #alterSink(connector: string, entries: readonly OffsetEntry[]): Promise<void> {
    const positions = entries.map(sinkPosition);
    await this.#setGroup(
      connector,
      await Promise.all(positions.map((each) => (each.offset < 0 ? this.#startOf(each) : each))),
    );
  }

  /** A group has no way to forget one partition, so it is set to where a group without offsets starts. */
  async #startOf({ topic, partition }: SinkPosition): Promise<SinkPosition> {
    try {
      return { topic, partition, offset: await this.#options.startOf(topic, partition) };
    } catch (error) {
      throw workerErrors.error('bad-request', { message: messageOf(error), where: `${topic}-${partition}` });
    }
  }

  async #setGroup(connector: string, positions: readonly SinkPosition[]): Promise<void> {
    if (positions.length === 0) return;
    try {
      await this.#options.groups.setGroupOffsets(groupIdOf(connector), positions);
    } catch (error) {
      if (!(error instanceof MillraceError) || error.code !== 'client/group-fenced') throw error;
      const message = `The consumer group ${groupIdOf(connector)} still has members`;
      throw workerErrors.error('connector-not-stopped', { message, where: connector, cause: error });
    }
  }
}

/** `{"kafka_topic", "kafka_partition"}` and `{"kafka_offset"}`; numbers may come as texts. -1 stands for a reset. */
function sinkPosition({ partition, offset }: OffsetEntry): SinkPosition {
  const topic = partition['kafka_topic'];
  const index = wholeNumber(partition['kafka_partition']);
  if (typeof topic !== 'string' || index === undefined) {
    const message = 'the partition of a sink is {"kafka_topic": text, "kafka_partition": number}';
    throw workerErrors.error('bad-request', { message });
  }
  if (offset === null) return { topic, partition: index, offset: -1 };
  const position = wholeNumber(offset['kafka_offset']);
  if (position === undefined) {
    const message = 'the offset of a sink is {"kafka_offset": number}, from 0';
    throw workerErrors.error('bad-request', { message, where: `${topic}-${index}` });
  }
  return { topic, partition: index, offset: position };
}

function wholeNumber(value: unknown): number | undefined {
  const isNumber = typeof value === 'number' || (typeof value === 'string' && /^\d+$/.test(value));
  const number = isNumber ? Number(value) : Number.NaN;
  return Number.isSafeInteger(number) && number >= 0 ? number : undefined;
}
