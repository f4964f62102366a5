/** An ideal broker in a few lines, and random processes on it: the histories it makes are clean by construction. */

import { seededRandom } from '../random.ts';
import { type History, type Operation, Recorder, type SeenRecord } from './history.ts';

interface Entry extends SeenRecord {
  readonly writer: Operation;
}

interface Partition {
  readonly name: string;
  readonly entries: Entry[];
  /** Records and markers. */
  end: number;
}

interface Open {
  readonly operation: Operation;
  left: number;
}

const partitionNames = ['x-0', 'x-1', 'x-2'];

export function simulateHistory(seed: number, steps: number): History {
  const random = seededRandom(seed);
  const below = (count: number) => Math.floor(random() * count);
  const recorder = new Recorder();
  const partitions = partitionNames.map((name): Partition => ({ name, entries: [], end: 0 }));
  const open = new Map<string, Open>();
  const aborted = new Set<Operation>();
  const positions = new Map<string, number>();
  let values = 0;

  const append = (operation: Operation, isAcknowledged: boolean) => {
    const partition = partitions[below(partitions.length)]!;
    const value = `v${values++}`;
    const offset = partition.end++;
    partition.entries.push({ offset, value, writer: operation });
    operation.sends.push({ partition: partition.name, value, ...(isAcknowledged ? { offset } : {}) });
  };
  const isOpen = ({ writer }: Entry) => [...open.values()].some(({ operation }) => operation === writer);
  const stableEnd = ({ entries, end }: Partition) => entries.find(isOpen)?.offset ?? end;
  const read = (operation: Operation, partition: Partition, fromOffset: number, most: number) => {
    const toOffset = stableEnd(partition);
    const seen = partition.entries.filter(
      ({ offset, writer }) => offset >= fromOffset && offset < toOffset && !aborted.has(writer),
    );
    const records = seen.slice(0, most).map(({ offset, value }) => ({ offset, value }));
    const reached = seen.length > most ? records.at(-1)!.offset + 1 : Math.max(fromOffset, toOffset);
    operation.polls.push({ partition: partition.name, fromOffset, toOffset: reached, records });
    return reached;
  };
  const finish = (process: string, { operation }: Open) => {
    open.delete(process);
    const isCommitting = random() < 0.8;
    const isAnswered = random() < 0.8;
    if (isCommitting) recorder.committing(operation);
    else aborted.add(operation);
    for (const name of new Set(operation.sends.map(({ partition }) => partition)))
      partitions.find((partition) => partition.name === name)!.end++;
    recorder.end(operation, isCommitting ? (isAnswered ? 'ok' : 'info') : 'fail');
  };
  const poll = (process: string, operation: Operation) => {
    const partition = partitions[below(partitions.length)]!;
    const name = `${process} ${partition.name}`;
    positions.set(name, read(operation, partition, positions.get(name) ?? 0, 1 + below(5)));
  };
  const step = (process: string) => {
    const running = open.get(process);
    if (running !== undefined) {
      if (running.left === 0) return finish(process, running);
      running.left--;
      if (random() < 0.3) return poll(process, running.operation);
      return append(running.operation, true);
    }
    const kind = (['send', 'transaction', 'transaction', 'poll', 'assign'] as const)[below(5)]!;
    const operation = recorder.begin(process, kind);
    if (kind === 'transaction') return void open.set(process, { operation, left: 1 + below(4) });
    const isAnswered = kind !== 'send' || random() < 0.9;
    if (kind === 'send') append(operation, isAnswered);
    if (kind === 'poll') poll(process, operation);
    if (kind === 'assign') for (const { name } of partitions) positions.set(`${process} ${name}`, 0);
    recorder.end(operation, isAnswered ? 'ok' : 'info');
  };

  for (let count = 0; count < steps; count += 1) {
    step(`p${below(4)}`);
    if (count % 50 === 49) readAll(recorder, (operation) => partitions.forEach((p) => void read(operation, p, 0, 1e9)));
  }
  for (const [process, running] of open) finish(process, running);
  readAll(recorder, (operation) => partitions.forEach((p) => void read(operation, p, 0, 1e9)));
  return recorder.operations;
}

function readAll(recorder: Recorder, read: (operation: Operation) => void): void {
  const operation = recorder.begin('everything', 'read-all');
  read(operation);
  recorder.end(operation, 'ok');
}
