/** Where the brokers of a crash run are: in the process that is killed, or in processes of their own that are killed too. */

import { join } from 'node:path';
import { freePort } from '../free-port.ts';
import { type MillraceChild, startMillrace } from './millrace-child.ts';
import { type PartitionContent, readTopic } from './topic.ts';

export interface Brokers {
  /** What `millrace up` is told about them; asked anew for each start. */
  upArgs(): Promise<readonly string[]>;
  /** SIGKILLs a broker and starts it again, which it waits for or not; undefined when there is none apart from `up`. */
  readonly kill: (() => Promise<void>) | undefined;
  /** Everything committed on the topic. Nothing writes any more. */
  readTopic(topic: string, onValue: (value: Buffer) => void): Promise<PartitionContent[]>;
  close(): Promise<void>;
}

export function brokerWithin(folder: string): Brokers {
  const dataDir = join(folder, 'data');
  return {
    upArgs: async () => ['--data-dir', dataDir, '--listen', `127.0.0.1:${await freePort()}`],
    kill: undefined,
    readTopic: (topic, onValue) => readTopic(dataDir, topic, onValue),
    close: () => Promise.resolve(),
  };
}

export async function brokerApart(folder: string): Promise<Brokers> {
  const dataDir = join(folder, 'data');
  const address = `127.0.0.1:${await freePort()}`;
  const start = async (): Promise<MillraceChild> => {
    const child = startMillrace(['broker', '--data-dir', dataDir, '--listen', address, '--log-level', 'warn']);
    await child.waitFor(/^broker /m);
    return child;
  };
  let child = await start();
  return {
    upArgs: async () => ['--bootstrap-servers', address],
    kill: async () => {
      await child.kill();
      child = await start();
    },
    readTopic: async (topic, onValue) => {
      await child.kill();
      return readTopic(dataDir, topic, onValue);
    },
    close: () => child.kill(),
  };
}
