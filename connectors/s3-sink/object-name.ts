/** The keys of objects and checkpoints; pure. */

import type { TopicPartition } from '../contract/record.ts';
import type { S3SinkConfig } from './config.ts';

export interface ObjectNames {
  /** The key of the object that starts with the record at `offset`; `path` names its folders below the topic's. */
  object(at: TopicPartition, path: string, offset: number): string;
  /** Where every object of the topic is. */
  topicFolder(topic: string): string;
  /** Whether the key is one that `object` gives for this partition, whatever the path and offset. */
  isOf(at: TopicPartition, key: string): boolean;
  checkpoint(at: TopicPartition): string;
  /** Holds nothing but what this connector needs for itself; the underscore hides it from query engines. */
  readonly ownFolder: string;
}

export function objectNames(config: S3SinkConfig, connector: string, extension: string): ObjectNames {
  const folder = config['topics.dir'];
  const delim = config['file.delim'];
  const width = config['filename.offset.zero.pad.width'];
  const ownFolder = `${folder}/_millrace/${encodeURIComponent(connector)}`;
  const stem = ({ topic, partition }: TopicPartition) => `${topic}${delim}${partition}${delim}`;
  return {
    object: (at, path, offset) =>
      `${folder}/${at.topic}/${path}/${stem(at)}${String(offset).padStart(width, '0')}${extension}`,
    topicFolder: (topic) => `${folder}/${topic}/`,
    isOf(at, key) {
      const name = key.slice(key.lastIndexOf('/') + 1);
      if (!key.startsWith(`${folder}/${at.topic}/`) || !name.startsWith(stem(at)) || !name.endsWith(extension))
        return false;
      return /^\d+$/.test(name.slice(stem(at).length, name.length - extension.length));
    },
    checkpoint: ({ topic, partition }) => `${ownFolder}/${topic}/${partition}.json`,
    ownFolder,
  };
}
